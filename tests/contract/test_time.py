"""Time stamps reach the layers that read them, and no others."""

import math

import pytest
import torch
from torch import nn

from statewise.combine.residual import PreNorm, Residual
from statewise.combine.stack import Stack
from statewise.contract import SequenceLayer, Timed, Tokens
from statewise.laws import check
from statewise.layers.recurrent.rnn import RNN

from .small import B, D, T, TimedDecay


def test_a_layer_that_reads_time_keeps_the_laws():
    check(TimedDecay())
    check(Stack([RNN(input_size=2, hidden_size=3), TimedDecay()]))


def test_time_stamps_pass_through_wrappers_to_the_layer_that_reads_them(x):
    torch.manual_seed(0)
    elapsed = torch.rand(B, T, generator=torch.Generator().manual_seed(1))
    rnn, reader = RNN(input_size=D, hidden_size=D), TimedDecay()
    stack = Stack([rnn, Residual(PreNorm(reader))])
    assert stack.reads_time
    middle, _ = rnn(x)
    inner, _ = reader(Timed(nn.functional.layer_norm(middle, (D,)), elapsed))
    torch.testing.assert_close(stack(Timed(x, elapsed))[0], middle + inner)
    _, state = stack(Timed(x[:, :5], elapsed[:, :5]))
    y_t, _ = stack.step(Timed(x[:, 5], elapsed[:, 5]), state)
    torch.testing.assert_close(y_t, (middle + inner)[:, 5])


def test_a_layer_that_does_not_read_time_is_handed_the_values(lstm, x):
    torch.testing.assert_close(lstm(Timed(x, torch.rand(B, T))), lstm(x), rtol=0, atol=0)
    state = lstm.initial_state(B)
    stepped = lstm.step(Timed(x[:, 0], torch.rand(B)), state)
    torch.testing.assert_close(stepped, lstm.step(x[:, 0], state), rtol=0, atol=0)


@pytest.mark.parametrize("layer", [TimedDecay(), Stack([Residual(PreNorm(TimedDecay()))])])
def test_where_there_are_no_time_stamps_1_passes_from_step_to_step(layer, x):
    ones = torch.ones(B, T)
    torch.testing.assert_close(layer(x), layer(Timed(x, ones)), rtol=0, atol=0)
    state = layer(x)[1]
    torch.testing.assert_close(
        layer.step(x[:, 0], state), layer.step(Timed(x[:, 0], ones[:, 0]), state), rtol=0, atol=0
    )


def test_time_stamps_of_tokens_are_in_the_dtype_of_the_layer():
    class Waits(TimedDecay):
        def __init__(self) -> None:
            SequenceLayer.__init__(self, Tokens(4), output_size=D)
            self.rate = nn.Parameter(torch.ones(D))

        def step(self, x, state):
            assert x.elapsed.dtype == torch.float64
            return super().step(Timed(torch.ones(B, D, dtype=torch.float64), x.elapsed), state)

    y, _ = Waits().double()(torch.zeros(B, T, dtype=torch.int64))
    torch.testing.assert_close(y[0, 1, 0].item(), 1 + math.exp(-1))


@pytest.mark.parametrize("shape", [(B,), (B, T, 1), (T, B), (B, T - 1)])
def test_time_stamps_of_another_shape_are_refused_with_a_sentence(x, shape):
    with pytest.raises(ValueError, match=r"elapsed must be \(5, 9\), one number a row and step .* got shape"):
        TimedDecay()(Timed(x, torch.ones(shape)))
    with pytest.raises(ValueError, match=r"elapsed must be \(5,\), .* got shape \(5, 1\)"):
        TimedDecay().step(Timed(x[:, 0], torch.ones(B, 1)), torch.zeros(B, D))
