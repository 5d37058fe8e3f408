"""Both gears of every layer agree in every precision, at sizes that people train: 64 wide, 256 steps, a warm state."""

import pytest
import torch
from torch import Tensor

from statewise import tree
from statewise.catalog import SEQUENCE_LAYERS
from statewise.contract import SequenceLayer, example_input
from statewise.models.resolve import make_layer

B, T, H = 2, 256, 64
STEPS_OF_GRADIENTS = 64
ALLOWED = {"float32": 1e-5, "bfloat16": 2e-2, "autocast": 2e-2}
"""Of the difference between the gears, as a share of the loop over ``step``"""


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
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "autocast"):
        expected, found = SequenceLayer._sequence(layer, x, state), layer(x, state)
    for one, other in zip(tree.leaves(expected), tree.leaves(found), strict=True):
        assert not one.is_floating_point() or distance(one, other) <= ALLOWED[precision]


@pytest.mark.parametrize("name", SEQUENCE_LAYERS)
def test_gradients_of_step_and_sequence_agree_in_float32(name: str):
    layer, state = warm(name, "float32")
    x = example_input(layer, B, STEPS_OF_GRADIENTS, seed=2)
    given = [leaf.requires_grad_() for leaf in tree.leaves((x, state)) if leaf.is_floating_point()]
    given += [parameter for parameter in layer.parameters() if parameter.requires_grad]
    cotangent = torch.randn(B, STEPS_OF_GRADIENTS, H)
    expected, found = (
        torch.autograd.grad(run(layer, x, state)[0], given, cotangent, materialize_grads=True, allow_unused=True)
        for run in (SequenceLayer._sequence, SequenceLayer.forward)
    )
    for one, other in zip(expected, found, strict=True):
        assert distance(one, other) <= ALLOWED["float32"]
