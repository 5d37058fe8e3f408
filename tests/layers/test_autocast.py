"""Under autocast every layer of the catalog puts out the dtype of its input, whichever gear and form runs."""

import pytest
import torch
from torch import nn

from statewise import tree
from statewise.catalog import CATALOG, SEQUENCE_LAYERS
from statewise.combine.bidirectional import Bidirectional
from statewise.combine.pointwise import Embed
from statewise.contract import Model, Structure, StructureLayer, Tokens, example_input, slice_time, take_step
from statewise.models.resolve import make_layer

STRUCTURE_LAYERS = [name for name, entry in CATALOG.items() if issubclass(entry.layer, StructureLayer)]


def in_every_gear(layer, x, dtype):
    """That y is of a dtype, and what follows a state like it, under autocast."""
    state, form = layer.initial_state(2), tree.form(layer.initial_state(2))
    reset = torch.zeros(2, 5, dtype=torch.bool)
    reset[1, 2] = True
    with torch.autocast("cpu", dtype=torch.bfloat16):
        runs = [layer(x, state), layer(x, state, reset=reset), layer.step(take_step(x, 0), state)]
        runs += [layer(slice_time(x, 0, time), state) for time in (0, 1)]
        stream = layer.stepper(state)
        runs.append((stream(take_step(x, 0)), stream.state))
    for y, after in runs:
        assert y.dtype == dtype
        assert tree.form(after) == form


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", SEQUENCE_LAYERS)
def test_the_dtype_of_the_output_is_that_of_the_input(name, training, dtype):
    entry = SEQUENCE_LAYERS[name]
    layer = make_layer(entry, entry.small).train(training)
    x = tree.map(lambda leaf: leaf.to(dtype) if leaf.is_floating_point() else leaf, example_input(layer, 2, 5))
    with torch.set_grad_enabled(training):
        in_every_gear(layer, x, dtype)


def test_of_tokens_it_is_that_of_the_layer():
    gru = make_layer(SEQUENCE_LAYERS["gru"], {"input_size": 3, "hidden_size": 4})
    model = Model(gru, nn.Linear(4, 2), 2, embedding=Embed(Tokens(7), width=3))
    for kept in (torch.float32, torch.float64):
        in_every_gear(model.to(kept), torch.randint(7, (2, 5)), kept)


def test_of_what_cannot_step_it_is_that_of_the_input_too():
    both = Bidirectional(*(make_layer(SEQUENCE_LAYERS["rnn"], SEQUENCE_LAYERS["rnn"].small) for _ in range(2)))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert both(torch.randn(2, 5, 3)).dtype == torch.float32
        assert both(torch.randn(2, 5, 3).bfloat16(), torch.tensor([5, 2])).dtype == torch.bfloat16


@pytest.mark.parametrize("name", STRUCTURE_LAYERS)
def test_of_structures_it_is_that_of_the_input_too(name):
    entry = CATALOG[name]
    layer, structure = entry.layer(**entry.small), Structure.of_parents([2, 2, -1])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert layer(torch.randn(3, 3), structure).dtype == torch.float32
