"""What the streams of all layers have in common, whatever runs in them."""

import pytest
import torch

from statewise.catalog import SEQUENCE_LAYERS
from statewise.combine.pointwise import Embed
from statewise.combine.residual import PostNorm, PreNorm
from statewise.contract import Model, PlainStepper, Vectors, example_input, take_step
from statewise.models.resolve import make_layer
from statewise.modules.linear import Linear
from statewise.ops.compiled.compiler import without_compiled_loops


def made(name: str):
    entry = SEQUENCE_LAYERS[name]
    return make_layer(entry, entry.small).eval()


@pytest.mark.parametrize("name", SEQUENCE_LAYERS)
def test_a_stream_is_plain_where_loops_do_not_serve(name):
    layer = made(name)
    with without_compiled_loops():
        assert isinstance(layer.stepper(layer.initial_state(2)), PlainStepper)
    half = layer.bfloat16()
    assert isinstance(half.stepper(half.initial_state(2)), PlainStepper)


@pytest.mark.parametrize("name", SEQUENCE_LAYERS)
def test_a_stream_that_began_in_inference_mode_goes_on_outside(name):
    layer = made(name)
    x = example_input(layer, 2, 2)
    with torch.inference_mode():
        stream = layer.stepper(layer.initial_state(2))
        stream(take_step(x, 0))
    weight = torch.ones(layer.output_size, dtype=torch.float32, requires_grad=True)
    (stream(take_step(x, 1)) * weight).sum().backward()
    assert weight.grad is not None


@pytest.mark.parametrize("name", SEQUENCE_LAYERS)
@torch.no_grad()
def test_a_model_made_of_it_streams_as_it_steps(name):
    layer = made(name)
    assert isinstance(layer.input_form, Vectors)
    embedding = Embed(Vectors(3), width=layer.input_form.size)
    body, head = PostNorm(PreNorm(layer, norm="rms")), Linear(layer.output_size, 2)
    model = Model(body, head, 2, embedding=embedding).double().eval()
    state = model.initial_state(2)
    stream = model.stepper(state)
    for x in torch.randn(5, 2, 3, dtype=torch.float64):
        y, state = model.step(x, state)
        torch.testing.assert_close(stream(x), y, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(stream.state, state, rtol=1e-9, atol=1e-9)
