"""Lower precisions stay near float64, and ``step`` can be exported."""

import copy
import warnings

import torch
from torch import nn

from statewise import tree
from statewise.contract import SequenceLayer, take_step
from statewise.laws.broken import Fault, demand_same_run, difference
from statewise.laws.subject import Subject, floating

NEARNESS = {torch.float32: 1e-4, torch.bfloat16: 0.25}
"""How far outputs may be from float64, relative to 1 + their largest magnitude."""


def precisions(subject: Subject) -> None:
    """float32 and bfloat16 stay finite and near float64, and finite under autocast."""
    torch.manual_seed(subject.seed)
    reference, _ = subject.layer(subject.x, subject.state)
    for dtype, allowed in NEARNESS.items():
        layer = copy.deepcopy(subject.layer).to(dtype)
        x, state = _cast(subject.x, dtype), _cast_state(subject, layer)
        for place, y in (("forward", layer(x, state)[0]), ("step", _first_step(layer, x, state))):
            demand_near(f"{place} in {dtype}", reference[:, : y.shape[1]], y, allowed)
    _demand_finite_under_autocast(subject)


def _first_step(layer: SequenceLayer, x: tree.State, state: tree.State) -> torch.Tensor:
    return layer.step(take_step(x, 0), state)[0].unsqueeze(1)


def _cast(x: tree.State, dtype: torch.dtype) -> tree.State:
    return tree.map(lambda leaf: leaf.to(dtype) if floating(leaf) else leaf, x)


def _cast_state(subject: Subject, layer: SequenceLayer) -> tree.State:
    """The warm state in the dtypes that the layer itself chooses."""
    return tree.cast_like(subject.state, layer.initial_state(tree.leaves(subject.x)[0].shape[0]))


def demand_near(place: str, reference: torch.Tensor, y: torch.Tensor, allowed: float) -> None:
    """Raise ``Fault`` unless ``y`` is finite and at most ``allowed`` from the reference, as the law measures it."""
    if not bool(y.isfinite().all()):
        raise Fault(f"{place} is not finite")
    gap = difference(reference.detach(), y.detach().double())
    if gap > allowed:
        raise Fault(f"{place} differs from float64 by {gap:.3g} (allowed {allowed:g})")


def _demand_finite_under_autocast(subject: Subject) -> None:
    layer = copy.deepcopy(subject.layer).float()
    x, state = _cast(subject.x, torch.float32), _cast_state(subject, layer)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        runs = (("forward", layer(x, state)[0]), ("step", _first_step(layer, x, state)))
    for place, y in runs:
        if not bool(y.isfinite().all()):
            raise Fault(f"{place} under autocast is not finite")


class _Step(nn.Module):
    """``step`` as a module's forward, which is what the exporter takes."""

    def __init__(self, layer: SequenceLayer) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: tree.State, state: tree.State) -> tuple[torch.Tensor, tree.State]:
        return self.layer.step(x, state)


def exports(subject: Subject) -> None:
    """``torch.export`` of ``step`` equals eager."""
    x_t = tree.map(torch.clone, take_step(subject.x, 0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns about its own internals
        try:
            program = torch.export.export(_Step(subject.layer), (x_t, subject.state), strict=False).module()
        except Exception as error:
            raise Fault(f"torch.export refuses step: {str(error).splitlines()[0]}") from error
    other = take_step(subject.x, 1)
    with torch.no_grad():
        expected = subject.layer.step(other, subject.state)
        demand_same_run("the exported step", expected, program(other, subject.state))
