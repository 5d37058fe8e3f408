"""Law 1: shapes, dtypes, batch-first leaves, a state closed under ``step``, and None as the initial state."""

import torch

from statewise import tree
from statewise.laws.broken import LawBroken, demand_equal
from statewise.laws.subject import BATCH, TIME, Subject, chunk

LAW = "contract"


def contract(subject: Subject) -> None:
    """Shapes, dtypes, batch-first leaves, state closed under ``step`` and ``forward``, ``None`` = ``initial_state``."""
    layer, x, state = subject.layer, subject.x, subject.state
    _demand_batch_first(subject)
    y, after = layer(x, state)
    _demand_shape("forward", y, (BATCH, TIME, layer.output_size))
    _demand_closed("forward", state, after)
    empty, unchanged = layer(chunk(x, 0, 0), state)
    _demand_shape("forward of T = 0", empty, (BATCH, 0, layer.output_size))
    demand_equal(LAW, "state after T = 0", state, unchanged)
    y_t, after = layer.step(tree.map(lambda leaf: leaf[:, 0], x), state)
    _demand_shape("step", y_t, (BATCH, layer.output_size))
    _demand_closed("step", state, after)
    _demand_none_is_initial(subject)


def _demand_batch_first(subject: Subject) -> None:
    for batch in (1, 2, BATCH):
        for path, leaf in tree.named_leaves(subject.layer.initial_state(batch)):
            if leaf.dim() == 0 or leaf.shape[0] != batch:
                raise LawBroken(
                    LAW, f"initial_state({batch}).{path} has shape {tuple(leaf.shape)}: batch is not axis 0"
                )


def _demand_shape(place: str, y: torch.Tensor, shape: tuple[int, ...]) -> None:
    if tuple(y.shape) != shape:
        raise LawBroken(LAW, f"{place} returns shape {tuple(y.shape)}, expected {shape}")
    if y.dtype != torch.float64:
        raise LawBroken(LAW, f"{place} of a float64 layer returns {y.dtype}")


def _demand_closed(place: str, before: tree.State, after: tree.State) -> None:
    if tree.structure(before) != tree.structure(after):
        raise LawBroken(
            LAW, f"{place} returns a state of structure {tree.structure(after)}, got {tree.structure(before)}"
        )
    if tree.spec(before) != tree.spec(after):
        raise LawBroken(LAW, f"{place} changes the state from {tree.spec(before)} to {tree.spec(after)}")


def _demand_none_is_initial(subject: Subject) -> None:
    torch.manual_seed(subject.seed)
    implicit = subject.layer(subject.x)
    torch.manual_seed(subject.seed)
    explicit = subject.layer(subject.x, subject.layer.initial_state(BATCH))
    demand_equal(LAW, "state None against initial_state", explicit, implicit)
