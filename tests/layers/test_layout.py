"""However inputs, states and cotangents lie in memory, every layer of the catalog comes to the same."""

import pytest
import torch
from torch import Tensor

from statewise import tree
from statewise.catalog import SEQUENCE_LAYERS
from statewise.contract import SequenceLayer, example_input
from statewise.models.resolve import make_layer
from statewise.tree import State

RESET = torch.tensor([[0, 0, 0, 1, 0, 0, 0], [0] * 7, [0, 0, 0, 0, 0, 0, 1]], dtype=torch.bool)


def column_by_column(leaf: Tensor) -> Tensor:
    return leaf.mT.contiguous().mT if leaf.dim() > 1 else leaf


def every_other_of_twice_as_many(leaf: Tensor) -> Tensor:
    room = leaf.new_full((*leaf.shape, 2), torch.nan if leaf.is_floating_point() or leaf.is_complex() else 0)
    return room.select(-1, 0).copy_(leaf)


def run(layer: SequenceLayer, x: State, state: State, cotangent: Tensor) -> list[Tensor]:
    """Outputs, last state, and the gradients of everything that has one."""
    x, state = (tree.map(lambda leaf: leaf.detach(), part) for part in (x, state))
    given = [
        leaf.requires_grad_() for leaf in tree.leaves((x, state)) if leaf.dtype.is_floating_point or leaf.is_complex()
    ]
    wanted = [*given, *(weight for weight in layer.parameters() if weight.requires_grad)]
    y, after = layer(x, state, reset=RESET)
    ends = [leaf.abs().square().sum() for leaf in tree.leaves(after) if leaf.requires_grad]
    gradients = torch.autograd.grad(
        [y, *ends], wanted, [cotangent, *map(torch.ones_like, ends)], materialize_grads=True
    )
    return [y, *tree.leaves(after), *gradients]


@pytest.mark.parametrize("lie", [column_by_column, every_other_of_twice_as_many])
@pytest.mark.parametrize("name", SEQUENCE_LAYERS)
def test_values_and_gradients_are_those_of_tensors_row_by_row(name, lie):
    torch.manual_seed(0)
    layer = make_layer(SEQUENCE_LAYERS[name], SEQUENCE_LAYERS[name].small).double().eval()
    x = example_input(layer, batch=3, time=7)
    y, warm = layer(x)
    plain = tree.map(Tensor.contiguous, tree.detach(warm))
    cotangent = torch.linspace(0, 7, y.numel(), dtype=y.dtype).sin().view_as(y)
    found = run(layer, tree.map(lie, x), tree.map(lie, plain), lie(cotangent))
    for one, other in zip(found, run(layer, x, plain, cotangent), strict=True):
        torch.testing.assert_close(one, other)


def from_an_odd_place_on(leaf: Tensor) -> Tensor:
    """In a vector of an odd number, as those who pack a state lay it out."""
    row = leaf.flatten()
    room = row.new_zeros(1, len(row) + 1 + len(row) % 2)
    return room[:, 1 : 1 + len(row)].copy_(row).view(leaf.shape)


@pytest.mark.parametrize("name", SEQUENCE_LAYERS)
def test_a_single_row_of_state_may_stand_anywhere(name):
    torch.manual_seed(0)
    layer = make_layer(SEQUENCE_LAYERS[name], SEQUENCE_LAYERS[name].small).double().eval()
    x = example_input(layer, batch=1, time=7)
    state = tree.detach(layer(x)[1])
    torch.testing.assert_close(layer(x, tree.map(from_an_odd_place_on, state)), layer(x, state))
