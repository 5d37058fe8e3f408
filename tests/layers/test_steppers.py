"""What the streams of all layers have in common, whatever runs in them."""

import pytest
import torch

from statewise.catalog import SEQUENCE_LAYERS
from statewise.contract import PlainStepper, example_input, take_step
from statewise.models.resolve import make_layer
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
