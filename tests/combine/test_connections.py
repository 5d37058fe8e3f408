"""Highway, dense, post-norm, sums, gated mixes: the laws, their equations written out by hand, what does not fit."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from statewise import laws, probe
from statewise.combine.branches import Branches
from statewise.combine.dense import Dense
from statewise.combine.dropout import Dropout
from statewise.combine.feed_forward import FeedForward
from statewise.combine.gated_mix import GatedMix
from statewise.combine.highway import Highway
from statewise.combine.pointwise import Embed
from statewise.combine.residual import PostNorm, PreNorm, Residual
from statewise.combine.stack import Stack
from statewise.combine.sum import Sum
from statewise.contract import PlainStepper, SequenceLayer, Timed, Tokens, Vectors, example_input
from statewise.layers.attention.self_attention import SelfAttention
from statewise.layers.recurrent.gru import GRU
from statewise.layers.recurrent.lstm import LSTM


class Leak(SequenceLayer):
    """h_t = exp(-elapsed_t) h_{t-1} + W x_t: it reads time."""

    reads_time = True

    def __init__(self, *, input_size: int, hidden_size: int) -> None:
        super().__init__(Vectors(input_size), hidden_size)
        self.map = nn.Linear(input_size, hidden_size)

    def initial_state(self, batch_size: int) -> Tensor:
        return self.zeros(batch_size, self.output_size)

    def step(self, x: Timed, state: Tensor) -> tuple[Tensor, Tensor]:
        h = torch.exp(-x.elapsed).unsqueeze(1) * state + self.map(x.values)
        return h, h


def lstm(width: int = 4, reads: int | None = None) -> LSTM:
    return LSTM(input_size=width if reads is None else reads, hidden_size=width)


def leak(width: int = 4, reads: int | None = None) -> Leak:
    return Leak(input_size=width if reads is None else reads, hidden_size=width)


CONNECTED = {
    "highway": lambda make: Highway(make()),
    "dense": lambda make: Dense(make(4, 3)),
    "post-norm": lambda make: PostNorm(Residual(make()), norm="rms"),
    "sum": lambda make: Sum([make(4, 3), GRU(input_size=3, hidden_size=4), make(4, 3)]),
    "gated mix": lambda make: GatedMix(make(4, 3), GRU(input_size=3, hidden_size=4)),
    "parallel block": lambda make: Residual(PreNorm(Sum([make(), FeedForward(width=4, inner=6)]))),
    "dense stack": lambda make: Stack([Dense(make(4, 3)), Dropout(width=7, rate=0.4), Dense(make(2, 7))]),
    "mix in a highway": lambda make: Highway(GatedMix(make(), Stack([make(), Highway(make(), bias=-3.0)]))),
}


@pytest.mark.parametrize("make", [lstm, leak])
@pytest.mark.parametrize("name", CONNECTED)
def test_keeps_the_laws(name: str, make: Any):
    torch.manual_seed(0)
    laws.check(CONNECTED[name](make))


@pytest.mark.parametrize("name", CONNECTED)
def test_time_stamps_reach_what_reads_them_however_deep(name: str):
    torch.manual_seed(0)
    layer = CONNECTED[name](leak).eval()
    x = example_input(layer, 2, 7)
    assert isinstance(x, Timed)
    later = Timed(x.values, x.elapsed + 1)
    assert not torch.allclose(layer(x)[0][:, 1:], layer(later)[0][:, 1:])
    torch.testing.assert_close(layer(x.values)[0], layer(Timed(x.values, torch.ones(2, 7)))[0])


def test_a_highway_is_its_equation():
    torch.manual_seed(0)
    inner, x = lstm(), torch.randn(5, 9, 4)
    layer = Highway(inner)
    t = 1 / (1 + torch.exp(-(x @ layer.gate.map.weight.T + layer.gate.map.bias)))
    torch.testing.assert_close(layer(x)[0], t * inner(x)[0] + (1 - t) * x)


def test_a_highway_begins_by_letting_its_input_pass():
    """At x = 0 the gate is sigmoid(bias), whatever W is."""
    torch.manual_seed(0)
    for bias in (-1.0, -3.0):
        layer = Highway(lstm(), bias=bias)
        with probe.recording(layer) as seen:
            layer(torch.zeros(2, 3, 4))
            layer.step(torch.zeros(2, 4), layer.initial_state(2))
        gate = seen["gate"]["write_gate"]
        assert gate.shape == (2, 4, 4)
        torch.testing.assert_close(gate, torch.full_like(gate, 1 / (1 + math.exp(-bias))))


def test_a_dense_stack_reads_everything_before_it():
    torch.manual_seed(0)
    first, second, third = lstm(4, 3), lstm(2, 7), lstm(5, 9)
    x = torch.randn(5, 9, 3)
    a = first(x)[0]
    b = second(torch.cat([x, a], dim=2))[0]
    c = third(torch.cat([x, a, b], dim=2))[0]
    y, states = Stack([Dense(first), Dense(second), Dense(third)])(x)
    torch.testing.assert_close(y, torch.cat([x, a, b, c], dim=2), rtol=0, atol=0)
    torch.testing.assert_close(states[2].h, c[:, -1])


def test_a_post_norm_block_is_the_norm_of_the_sum():
    torch.manual_seed(0)
    inner, x = lstm(), torch.randn(5, 9, 4)
    total = x + inner(x)[0]
    scaled = (total - total.mean(-1, keepdim=True)) / (total.var(-1, unbiased=False, keepdim=True) + 1e-5).sqrt()
    torch.testing.assert_close(PostNorm(Residual(inner))(x)[0], scaled)
    scaled = total / (total.square().mean(-1, keepdim=True) + 1e-5).sqrt()
    torch.testing.assert_close(PostNorm(Residual(inner), norm="rms")(x)[0], scaled)


def test_branches_read_one_input_and_carry_a_state_each():
    torch.manual_seed(0)
    a, b, x = lstm(4, 3), GRU(input_size=3, hidden_size=4), torch.randn(5, 9, 3)
    (ya, state_a), (yb, state_b) = a(x), b(x)
    y, states = Sum([a, b])(x)
    torch.testing.assert_close(y, ya + yb)
    mix = GatedMix(a, b)
    mixed, mix_states = mix(x)
    g = 1 / (1 + torch.exp(-(x @ mix.gate.map.weight.T + mix.gate.map.bias)))
    torch.testing.assert_close(mixed, g * ya + (1 - g) * yb)
    for found in (states, mix_states):
        torch.testing.assert_close(found[0].c, state_a.c, rtol=0, atol=0)
        torch.testing.assert_close(found[1].h, state_b.h, rtol=0, atol=0)


@pytest.mark.parametrize(("bias", "chosen"), [(50.0, 0), (-50.0, 1)])
def test_an_open_gate_takes_the_first_and_a_shut_one_the_second(bias: float, chosen: int):
    torch.manual_seed(0)
    layers = (SelfAttention(input_size=4, hidden_size=4, context_length=5, heads=2), lstm())
    mix, x = GatedMix(*layers), torch.randn(5, 9, 4)
    nn.init.constant_(mix.gate.map.bias, bias)
    torch.testing.assert_close(mix(x)[0], layers[chosen](x)[0])


def test_branches_step_with_the_steppers_inside(monkeypatch):
    called = []
    for kind in (LSTM, GRU):
        monkeypatch.setattr(kind, "stepper", lambda layer, state: called.append(layer) or PlainStepper(layer, state))
    mixed = GatedMix(lstm(), Sum([GRU(input_size=4, hidden_size=4), FeedForward(width=4, inner=6)]))
    x, state = torch.randn(5, 4), mixed.initial_state(5)
    stream = mixed.stepper(state)
    torch.testing.assert_close((stream(x), stream.state), mixed.step(x, state))
    assert [type(layer) for layer in called] == [LSTM, GRU]
    assert not stream(x).requires_grad


def test_branches_may_put_out_any_width_where_it_is_said():
    class Beside(Branches):
        """y = [a(x) ; b(x)]"""

        def join(self, x: Any, outputs: Any) -> Tensor:
            return torch.cat(list(outputs), dim=-1)

    laws.check(Beside([lstm(4, 3), lstm(2, 3)], output_size=6))
    with pytest.raises(ValueError, match="one width, these put out 4 and 2"):
        Beside([lstm(4, 3), lstm(2, 3)])


def test_what_does_not_fit_is_refused_with_a_sentence():
    tokens = Embed(Tokens(4), width=4)
    with pytest.raises(ValueError, match=r"a highway needs equal widths, got Vectors\(size=3\) -> 4"):
        Highway(lstm(4, 3))
    with pytest.raises(ValueError, match="at least one layer"):
        Sum([])
    with pytest.raises(ValueError, match=r"one input, these read Vectors\(size=3\) and Vectors\(size=4\)"):
        Sum([lstm(4, 3), lstm()])
    with pytest.raises(ValueError, match="gate needs vectors as input, not tokens"):
        GatedMix(tokens, Embed(Tokens(4), width=4))
    with pytest.raises(ValueError, match="dense connection needs vectors as input, not tokens"):
        Dense(tokens)
