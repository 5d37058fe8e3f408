"""A state of other rows than the input is refused by every layer of the catalog, and never broadcast."""

import pytest
import torch

from statewise import tree
from statewise.catalog import SEQUENCE_LAYERS
from statewise.contract import example_input, take_step
from statewise.models.resolve import make_layer


@pytest.mark.parametrize("name", SEQUENCE_LAYERS)
@pytest.mark.parametrize(("rows", "held"), [(5, 1), (1, 5), (5, 2)])
def test_a_state_of_other_rows_is_refused_with_both_numbers(name, rows, held):
    entry = SEQUENCE_LAYERS[name]
    layer = make_layer(entry, entry.small)
    state, x = layer.initial_state(held), example_input(layer, rows, 3)
    if not tree.leaves(state):
        return
    told = rf"is not a state of .* for a batch of {rows} rows: .* has shape \({held},.* expected \({rows},"
    with pytest.raises(ValueError, match=told):
        layer.step(take_step(x, 0), state)
    with pytest.raises(ValueError, match=told):
        layer(x, state)
    stream = layer.stepper(state)
    with pytest.raises(ValueError, match=f"{held}.*{rows}|{rows}.*{held}"):
        stream(take_step(x, 0))


def test_a_state_one_leaf_of_which_has_other_rows_is_refused():
    layer = make_layer(SEQUENCE_LAYERS["lstm"], {"input_size": 3, "hidden_size": 4})
    state = layer.initial_state(5)
    with pytest.raises(ValueError, match=r"leaf 'c' has shape \(1, 4\), expected \(5, 4\)"):
        layer.step(torch.randn(5, 3), state._replace(c=state.c[:1]))
