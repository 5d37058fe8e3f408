"""The form that the contract asks for: shapes, dtypes, batch-first leaves, a state closed under both gears."""

import copy

import torch

from statewise import tree
from statewise.contract import SequenceLayer, slice_time, take_step
from statewise.laws.broken import Fault, at, demand_equal
from statewise.laws.subject import BATCH, TIME, Subject


def contract(subject: Subject) -> None:
    """Shapes, dtypes, batch-first leaves; that the state is closed, both gears look after themselves."""
    layer, x, state = subject.layer, subject.x, subject.state
    _demand_state_follows(layer)
    y_t, _ = layer.step(take_step(x, 0), state)
    _demand_shape("step", y_t, (BATCH, layer.output_size))
    y, _ = layer(x, state)
    _demand_shape("forward", y, (BATCH, TIME, layer.output_size))
    empty, unchanged = layer(slice_time(x, 0, 0), state)
    _demand_shape("forward of T = 0", empty, (BATCH, 0, layer.output_size))
    demand_equal("state after T = 0", state, unchanged)


def _demand_state_follows(layer: SequenceLayer) -> None:
    """The state is as precise as the layer, which is in float64 here, and where the layer is: on the meta device."""
    hint = "make it with self.zeros(...), or like a parameter"
    for path, leaf in tree.named_leaves(layer.initial_state(BATCH)):
        if leaf.is_floating_point() and leaf.dtype != torch.float64:
            where = at(f"initial_state({BATCH})", path)
            raise Fault(f"{where} of a float64 layer is {leaf.dtype}: {hint}")
    moved = copy.deepcopy(layer).to("meta")
    for path, leaf in tree.named_leaves(moved.initial_state(BATCH)):
        if leaf.device != moved.device:
            where = at(f"initial_state({BATCH})", path)
            raise Fault(f"{where} stays on the {leaf.device} when the layer is moved: {hint}")


def _demand_shape(place: str, y: torch.Tensor, shape: tuple[int, ...]) -> None:
    if tuple(y.shape) != shape:
        raise Fault(f"{place} returns shape {tuple(y.shape)}, expected {shape}")
    if y.dtype != torch.float64:
        raise Fault(f"{place} of a float64 layer returns {y.dtype}")
