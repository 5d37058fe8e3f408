"""A step takes no state of another dtype than its layer's."""

import pytest
import torch

from statewise import tree
from statewise.catalog import SEQUENCE_LAYERS
from statewise.contract import Tokens
from statewise.models.resolve import make_layer

ROWS = 2


@pytest.mark.parametrize("name", SEQUENCE_LAYERS)
def test_a_step_refuses_a_state_of_another_dtype(name: str):
    """In float64 some layers would carry it on for good, its rounding another one, its outputs in float32."""
    layer = make_layer(SEQUENCE_LAYERS[name], SEQUENCE_LAYERS[name].small).eval()
    form = layer.input_form
    x = torch.zeros(ROWS, dtype=torch.int64) if isinstance(form, Tokens) else torch.randn(ROWS, form.size)
    state = layer.initial_state(ROWS)
    other = tree.map(lambda leaf: leaf.double() if leaf.is_floating_point() else leaf, state)
    if not any(leaf.is_floating_point() for leaf in tree.leaves(state)):
        pytest.skip("its state has no floating-point numbers")
    with pytest.raises(ValueError, match=r"float64"):
        layer.step(x, other)
    assert tree.form(layer.step(x, state)[1]) == tree.form(state)
