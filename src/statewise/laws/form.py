"""The form that the contract asks for: shapes, dtypes, batch-first leaves, a state closed under both gears."""

import torch

from statewise import tree
from statewise.laws.broken import LawBroken, demand_closed, demand_equal
from statewise.laws.subject import BATCH, TIME, Subject, chunk

LAW = "contract"


def contract(subject: Subject) -> None:
    """Shapes, dtypes, batch-first leaves, a state closed under ``step`` and ``forward``."""
    layer, x, state = subject.layer, subject.x, subject.state
    y_t, after = layer.step(tree.map(lambda leaf: leaf[:, 0], x), state)
    _demand_shape("step", y_t, (BATCH, layer.output_size))
    demand_closed(LAW, "step", state, after)
    y, after = layer(x, state)
    _demand_shape("forward", y, (BATCH, TIME, layer.output_size))
    demand_closed(LAW, "forward", state, after)
    empty, unchanged = layer(chunk(x, 0, 0), state)
    _demand_shape("forward of T = 0", empty, (BATCH, 0, layer.output_size))
    demand_equal(LAW, "state after T = 0", state, unchanged)


def _demand_shape(place: str, y: torch.Tensor, shape: tuple[int, ...]) -> None:
    if tuple(y.shape) != shape:
        raise LawBroken(LAW, f"{place} returns shape {tuple(y.shape)}, expected {shape}")
    if y.dtype != torch.float64:
        raise LawBroken(LAW, f"{place} of a float64 layer returns {y.dtype}")
