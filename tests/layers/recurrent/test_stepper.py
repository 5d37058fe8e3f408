import pytest
import torch

from statewise.layers.in_place_stepper import InPlaceStepper
from statewise.layers.recurrent.gru import GRU
from statewise.layers.recurrent.lstm import LSTM
from statewise.layers.recurrent.peephole_lstm import PeepholeLSTM
from statewise.layers.recurrent.rnn import RNN
from statewise.ops.compiled.compiler import without_compiled_loops

LAYERS = {"lstm": LSTM, "gru": GRU, "rnn": RNN, "peephole-lstm": PeepholeLSTM}
layers = pytest.mark.parametrize("name", LAYERS)


@layers
def test_a_stream_is_compiled_where_numbers_are_plain(name):
    layer = LAYERS[name](input_size=3, hidden_size=4)
    assert isinstance(layer.stepper(layer.initial_state(2)), InPlaceStepper)
    with without_compiled_loops():
        assert not isinstance(layer.stepper(layer.initial_state(2)), InPlaceStepper)
    half = layer.bfloat16()
    assert not isinstance(half.stepper(half.initial_state(2)), InPlaceStepper)


@layers
@pytest.mark.parametrize("rows", [1, 3, 9])
def test_a_long_stream_stays_with_the_sequence(name, rows):
    """In single precision, over many steps in place."""
    layer = LAYERS[name](input_size=3, hidden_size=20)
    x = torch.randn(rows, 200, 3)
    with torch.no_grad():
        expected, final = layer(x)
    stream = layer.stepper(layer.initial_state(rows))
    found = torch.stack([stream(x_t).clone() for x_t in x.unbind(1)], dim=1)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(stream.state, final, rtol=1e-5, atol=1e-5)


@layers
def test_an_input_of_another_form_is_refused(name):
    layer = LAYERS[name](input_size=3, hidden_size=4)
    stream = layer.stepper(layer.initial_state(2))
    with pytest.raises(ValueError, match=r"reads torch.float32 \(2, 3\), got torch.float32 \(1, 3\)"):
        stream(torch.zeros(1, 3))
    with pytest.raises(ValueError, match=r"got torch\.float64"):
        stream(torch.zeros(2, 3, dtype=torch.float64))
