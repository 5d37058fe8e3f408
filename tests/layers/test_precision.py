"""Both gears of every layer agree in every precision, at sizes that people train: 64 wide, 256 steps, a warm state."""

import pytest
import torch
from torch import Tensor

from statewise import tree
from statewise.catalog import SEQUENCE_LAYERS
from statewise.contract import SequenceLayer, example_input, slice_time
from statewise.models.resolve import make_layer

B, T, H = 2, 256, 64
STEPS_OF_GRADIENTS = 64
ALLOWED = {"float32": 1e-5, "bfloat16": 2e-2, "autocast": 2e-2}
"""Of the difference between the gears, as a share of the loop over ``step``"""
RESTARTS = {"lstm-layer-norm": 4, "lstm-rms-norm": 4}
"""Steps after which both gears start anew from where the loop stands: at the gain they start with these cells are
chaotic. A difference of 1e-10 in the state is one of 1e-8 after 256 steps, and in bfloat16 each gear is farther from
float64 after 16 steps than the two may be from each other."""


def distance(expected: Tensor, found: Tensor) -> float:
    expected, found = expected.detach().double(), found.detach().double()
    return float((found - expected).norm() / expected.norm().clamp(min=1e-30))


def warm(name: str, precision: str) -> tuple[SequenceLayer, tree.State]:
    """A layer in eval mode and a state some steps on."""
    torch.manual_seed(0)
    entry = SEQUENCE_LAYERS[name]
    layer = make_layer(entry, {**entry.defaults, "input_size": H, "hidden_size": H}).eval()
    layer = layer.bfloat16() if precision == "bfloat16" else layer
    with torch.no_grad():
        return layer, layer(example_input(layer, B, 20, seed=1))[1]


@pytest.mark.parametrize("name", SEQUENCE_LAYERS)
@pytest.mark.parametrize("precision", ALLOWED)
@torch.no_grad()
def test_step_and_sequence_agree(name: str, precision: str):
    layer, state = warm(name, precision)
    x = example_input(layer, B, T, seed=2)
    piece = RESTARTS.get(name, T)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "autocast"):
        for start in range(0, T, piece):
            part = slice_time(x, start, start + piece)
            expected = SequenceLayer._sequence(layer, part, state)
            found = layer(part, state)
            for one, other in zip(tree.leaves(expected), tree.leaves(found), strict=True):
                assert not one.is_floating_point() or distance(one, other) <= ALLOWED[precision]
            state = expected[1]


@pytest.mark.parametrize("name", SEQUENCE_LAYERS)
def test_gradients_of_step_and_sequence_agree_in_float32(name: str):
    layer, state = warm(name, "float32")
    steps = RESTARTS.get(name, STEPS_OF_GRADIENTS)
    x = example_input(layer, B, steps, seed=2)
    given = [leaf.requires_grad_() for leaf in tree.leaves((x, state)) if leaf.is_floating_point()]
    given += [parameter for parameter in layer.parameters() if parameter.requires_grad]
    cotangent = torch.randn(B, steps, H)
    expected, found = (
        torch.autograd.grad(run(layer, x, state)[0], given, cotangent, materialize_grads=True, allow_unused=True)
        for run in (SequenceLayer._sequence, SequenceLayer.forward)
    )
    for one, other in zip(expected, found, strict=True):
        assert distance(one, other) <= ALLOWED["float32"]
