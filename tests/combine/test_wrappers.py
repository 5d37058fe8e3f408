"""Stacks, residuals, norms, feed-forward parts: they keep the laws, and say what does not fit."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from statewise import laws
from statewise.combine.dropout import Dropout
from statewise.combine.feed_forward import FeedForward
from statewise.combine.pointwise import Embed, Pointwise
from statewise.combine.residual import PostNorm, PreNorm, Residual
from statewise.combine.stack import Stack
from statewise.combine.wrapper import Wrapper
from statewise.contract import SequenceLayer, Tokens, Vectors, values_of, with_values
from statewise.errors import UserError
from statewise.layers.recurrent.gru import GRU
from statewise.layers.recurrent.lstm import LSTM
from statewise.layers.statespace.min_gru import MinGRU

WRAPPED = {
    "stack": lambda: Stack([LSTM(input_size=3, hidden_size=4), GRU(input_size=4, hidden_size=2)]),
    "stack in a stack": lambda: Stack([Stack([GRU(input_size=3, hidden_size=4)]), LSTM(input_size=4, hidden_size=2)]),
    "stack over tokens": lambda: Stack([Embed(Tokens(7), width=3), LSTM(input_size=3, hidden_size=4)]),
    "residual": lambda: Residual(LSTM(input_size=4, hidden_size=4)),
    "layer norm": lambda: Residual(PreNorm(LSTM(input_size=4, hidden_size=4))),
    "rms norm": lambda: Residual(PreNorm(LSTM(input_size=4, hidden_size=4), norm="rms")),
    "feed-forward": lambda: FeedForward(width=4, inner=6, activation="gelu"),
    "glu": lambda: FeedForward(width=4, inner=6, activation="silu", gated=True),
    "pointwise": lambda: Pointwise(nn.Linear(3, 4), input_size=3, output_size=4),
    "embedded vectors": lambda: Embed(Vectors(3), width=4),
    "dropout": lambda: Dropout(width=4, rate=0.5),
    "variational dropout": lambda: Dropout(width=4, rate=0.5, variational=True),
    "block": lambda: Stack(
        [
            Embed(Vectors(3), width=4),
            Residual(PreNorm(Stack([GRU(input_size=4, hidden_size=4), Dropout(width=4, rate=0.4)]))),
            Residual(PreNorm(FeedForward(width=4, inner=6, gated=True), norm="rms")),
        ]
    ),
}


class Halves(Wrapper):
    """y = [layer([x ; x]) ; x]: other widths than the layer's on both sides."""

    def __init__(self, layer):
        super().__init__(layer, input_form=Vectors(3), output_size=layer.output_size + 3)

    def before(self, x):
        return with_values(x, torch.cat([values_of(x), values_of(x)], dim=-1))

    def after(self, x, y):
        return torch.cat([y, values_of(x)], dim=-1)


WRAPPED["other widths"] = lambda: Halves(LSTM(input_size=6, hidden_size=4))
WRAPPED["nothing"] = lambda: Wrapper(GRU(input_size=3, hidden_size=4))


@pytest.mark.parametrize("name", WRAPPED)
def test_keeps_the_laws(name: str):
    torch.manual_seed(0)
    laws.check(WRAPPED[name]())


def test_a_stack_is_its_layers_one_after_the_other():
    torch.manual_seed(0)
    below, above = LSTM(input_size=3, hidden_size=4), GRU(input_size=4, hidden_size=2)
    x = torch.randn(5, 9, 3)
    middle, first = below(x)
    expected, second = above(middle)
    y, (stack_first, stack_second) = Stack([below, above])(x)
    for found, known in ((y, expected), (stack_first.c, first.c), (stack_second.h, second.h)):
        torch.testing.assert_close(found, known, rtol=0, atol=0)


def test_a_residual_adds_and_a_norm_comes_first():
    torch.manual_seed(0)
    layer = LSTM(input_size=4, hidden_size=4)
    x = torch.randn(5, 9, 4)
    torch.testing.assert_close(Residual(layer)(x)[0], x + layer(x)[0])
    torch.testing.assert_close(PreNorm(layer)(x)[0], layer(F.layer_norm(x, (4,)))[0])
    scaled = x / (x.square().mean(-1, keepdim=True) + 1e-5).sqrt()
    torch.testing.assert_close(PreNorm(layer, norm="rms")(x)[0], layer(scaled)[0])


@pytest.mark.parametrize("activation", ["relu", "gelu", "silu"])
def test_feed_forward_is_its_equation(activation):
    torch.manual_seed(0)
    x = torch.randn(5, 9, 4)
    act = getattr(F, activation)
    plain = FeedForward(width=4, inner=6, activation=activation)
    expected = act(x @ plain.rise.weight.T + plain.rise.bias) @ plain.fall.weight.T + plain.fall.bias
    torch.testing.assert_close(plain(x)[0], expected)
    gated = FeedForward(width=4, inner=6, activation=activation, gated=True)
    values, gate = (x @ w.T + b for w, b in zip(gated.rise.weight.split(6), gated.rise.bias.split(6), strict=True))
    expected = (values * act(gate)) @ gated.fall.weight.T + gated.fall.bias
    torch.testing.assert_close(gated(x)[0], expected)


def test_what_does_not_fit_is_refused_with_a_sentence():
    with pytest.raises(ValueError, match="at least one layer"):
        Stack([])
    with pytest.raises(ValueError, match="layer 0 puts out width 4, but layer 1 reads Vectors\\(size=5\\)"):
        Stack([LSTM(input_size=3, hidden_size=4), LSTM(input_size=5, hidden_size=4)])
    with pytest.raises(ValueError, match="layer 1 reads Tokens"):
        Stack([LSTM(input_size=3, hidden_size=4), Embed(Tokens(4), width=4)])
    with pytest.raises(ValueError, match="equal widths"):
        Residual(LSTM(input_size=3, hidden_size=4))
    with pytest.raises(ValueError, match="equal widths"):
        Residual(Embed(Tokens(4), width=4))
    with pytest.raises(ValueError, match="not tokens"):
        PreNorm(Embed(Tokens(4), width=4))


def test_what_is_unknown_is_refused_and_the_nearest_name_suggested():
    with pytest.raises(UserError, match="unknown activation 'gelo'; did you mean 'gelu'"):
        FeedForward(width=3, inner=4, activation="gelo")
    with pytest.raises(UserError, match=r"unknown norm 'batch'; .*\(known: layer, none, rms\)"):
        PreNorm(LSTM(input_size=3, hidden_size=4), norm="batch")


class Shifted(PreNorm):
    def before(self, x):
        return super().before(x) + 1


class Halved(PostNorm):
    def after(self, x, y):
        return super().after(x, y) / 2


@pytest.mark.parametrize("kind", [PreNorm, PostNorm, Shifted, Halved])
def test_a_norm_in_a_stream_is_that_of_the_step(kind):
    layer, x = kind(MinGRU(input_size=3, hidden_size=3)).double(), torch.randn(2, 5, 3, dtype=torch.float64)
    stream, state = layer.stepper(layer.initial_state(2)), layer.initial_state(2)
    for x_t in x.unbind(1):
        y, state = layer.step(x_t, state)
        torch.testing.assert_close(stream(x_t), y.detach())


class Delayed(SequenceLayer):
    """y_t = x_t + x_{t-1}: its state is its input."""

    def __init__(self):
        super().__init__(Vectors(3), 3)

    def initial_state(self, batch_size):
        return self.zeros(batch_size, 3)

    def step(self, x, state):
        return x + state, x


def test_a_layer_that_holds_its_input_may_stand_behind_one_that_overwrites_it():
    laws.check(Stack([MinGRU(input_size=3, hidden_size=3), Delayed()]))


def test_a_stream_is_not_copied():
    layer = MinGRU(input_size=3, hidden_size=3)
    stream = layer.stepper(layer.initial_state(1))
    with pytest.raises(TypeError, match=r"layer.stepper\(stream.state\)"):
        copy.deepcopy(stream)
