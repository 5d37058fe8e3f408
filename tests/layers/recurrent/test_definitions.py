"""What torch.nn does not have, against the papers: variants by hand, initial values, error sentences."""

import copy
import math

import numpy as np
import pytest
import torch
from torch.nn.utils.parametrizations import weight_norm

from statewise.contract import SequenceLayer
from statewise.layers.recurrent.gru import GRU
from statewise.layers.recurrent.lstm import LSTM
from statewise.layers.recurrent.rnn import RNN

D, H = 3, 4


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def numpy_weights(layer):
    return [p.detach().double().numpy() for p in layer.parameters()]


def sequence(layer, run=SequenceLayer.forward, batch=2, time=6):
    """x, the h before it, and the outputs."""
    rng = np.random.default_rng(0)
    x, h = rng.normal(size=(batch, time, D)), rng.normal(size=(batch, H))
    with torch.no_grad():
        y, after = run(layer, torch.from_numpy(x), type(layer.initial_state(1))(torch.from_numpy(h)))
    assert torch.equal(after.h, y[:, -1])
    return x, h, y.numpy()


GEARS = pytest.mark.parametrize(
    "run", [SequenceLayer.forward, SequenceLayer._sequence], ids=["whole sequence", "loop of steps"]
)


@GEARS
@pytest.mark.parametrize(
    ("activation", "function"),
    [("leaky_relu", lambda a: np.where(a > 0, a, 0.01 * a)), ("sigmoid", sigmoid)],
)
def test_rnn_without_a_kernel_by_hand(activation, function, run):
    layer = RNN(input_size=D, hidden_size=H, activation=activation).double()
    w, u, b, c = numpy_weights(layer)
    x, h, y = sequence(layer, run)
    for t in range(x.shape[1]):
        h = function(x[:, t] @ w.T + b + h @ u.T + c)
        np.testing.assert_allclose(y[:, t], h, rtol=1e-12, atol=1e-12)


@GEARS
def test_gru_of_the_paper_by_hand(run):
    """Cho et al. 2014, eq. 5-8, with row vectors."""
    layer = GRU(input_size=D, hidden_size=H, reset_placement="before").double()
    w, u, b, c = (part.reshape(3, H, *part.shape[1:]) for part in numpy_weights(layer))
    x, h, y = sequence(layer, run)
    for t in range(x.shape[1]):
        r, z = (sigmoid(x[:, t] @ w[k].T + b[k] + h @ u[k].T + c[k]) for k in (0, 1))
        candidate = np.tanh(x[:, t] @ w[2].T + b[2] + (r * h) @ u[2].T + c[2])
        h = z * h + (1 - z) * candidate
        np.testing.assert_allclose(y[:, t], h, rtol=1e-12, atol=1e-12)


def test_the_two_reset_placements_differ():
    after, before = (GRU(input_size=D, hidden_size=H, reset_placement=place).double() for place in ("after", "before"))
    before.load_state_dict(after.state_dict())
    assert np.abs(sequence(after)[2] - sequence(before)[2]).max() > 1e-4


def test_an_open_forget_gate_and_a_closed_input_gate_keep_the_memory():
    """Hochreiter & Schmidhuber's constant error carousel: c stays and so does its gradient."""
    layer = LSTM(input_size=D, hidden_size=H).double()
    with torch.no_grad():
        layer.bias_ih_l0[:H] = -100
        layer.bias_ih_l0[H : 2 * H] = 100
    start = layer.initial_state(2)
    memory = torch.randn(2, H, dtype=torch.float64, requires_grad=True)
    _, after = layer(torch.randn(2, 200, D, dtype=torch.float64), start._replace(c=memory))
    torch.testing.assert_close(after.c, memory, rtol=1e-12, atol=1e-12)
    (gradient,) = torch.autograd.grad(after.c.sum(), memory)
    torch.testing.assert_close(gradient, torch.ones_like(gradient), rtol=1e-12, atol=1e-12)


def test_irnn_begins_by_adding_up_what_is_positive():
    """Le et al. 2015: with U = I and zero biases, h_t = h_{t-1} wherever the input is zero; all gradients stay 1."""
    torch.manual_seed(0)
    layer = RNN(input_size=D, hidden_size=64, activation="relu", initialization="identity")
    assert torch.equal(layer.weight_hh_l0, torch.eye(64))
    assert not layer.bias_ih_l0.any()
    assert not layer.bias_hh_l0.any()
    assert float(layer.weight_ih_l0.detach().std()) == pytest.approx(0.001, rel=0.2)
    start = torch.rand(2, 64, requires_grad=True)
    y, _ = layer(torch.zeros(2, 100, D), type(layer.initial_state(1))(start))
    torch.testing.assert_close(y[:, -1], start)
    (gradient,) = torch.autograd.grad(y[:, -1].sum(), start)
    assert torch.equal(gradient, torch.ones_like(gradient))


@pytest.mark.parametrize(("kind", "gates"), [(RNN, 1), (GRU, 3), (LSTM, 4)])
def test_orthogonal_gate_by_gate(kind, gates):
    layer = kind(input_size=D, hidden_size=8, initialization="orthogonal").double()
    blocks = layer.weight_hh_l0.detach().split(8)
    assert len(blocks) == gates
    for block in blocks:
        torch.testing.assert_close(block @ block.T, torch.eye(8, dtype=torch.float64), rtol=0, atol=1e-6)


@pytest.mark.parametrize("forget_bias", [0.0, 1.0, 2.5])
def test_the_forget_bias_is_applied_once_and_to_that_gate_alone(forget_bias):
    torch.manual_seed(5)
    plain = LSTM(input_size=D, hidden_size=H, forget_bias=None)
    torch.manual_seed(5)
    layer = LSTM(input_size=D, hidden_size=H, forget_bias=forget_bias)
    total, untouched = layer.bias_ih_l0 + layer.bias_hh_l0, plain.bias_ih_l0 + plain.bias_hh_l0
    forget = torch.arange(4 * H) // H == 1
    assert torch.equal(total[forget], torch.full((H,), forget_bias))
    assert torch.equal(total[~forget], untouched[~forget])
    assert torch.equal(layer.weight_hh_l0, plain.weight_hh_l0)


def test_the_keep_bias_makes_a_gru_keep():
    torch.manual_seed(5)
    layer = GRU(input_size=D, hidden_size=H, keep_bias=100.0)
    start = torch.randn(2, H)
    y, _ = layer(torch.randn(2, 50, D), type(layer.initial_state(1))(start))
    torch.testing.assert_close(y[:, -1], start)


@pytest.mark.parametrize(("kind", "gates"), [(RNN, 1), (GRU, 3), (LSTM, 4)])
def test_the_identity_gate_by_gate(kind, gates):
    layer = kind(input_size=D, hidden_size=H, initialization="identity")
    assert torch.equal(layer.weight_hh_l0, torch.eye(H).repeat(gates, 1))


@pytest.mark.parametrize("kind", [RNN, LSTM, GRU])
def test_weights_that_are_made_anew_at_every_call_are_left_loose(kind, monkeypatch):
    """Where cuDNN's compact layout would be made, which on a CPU is only said to be."""
    layer = weight_norm(kind(input_size=D, hidden_size=H), "weight_hh_l0")
    monkeypatch.setattr(torch.Tensor, "is_cuda", True)
    layer.double()
    monkeypatch.undo()
    y, _ = copy.deepcopy(layer)(torch.randn(2, 5, D, dtype=torch.float64))
    assert y.shape == (2, 5, H)


@pytest.mark.parametrize("kind", [RNN, LSTM, GRU])
def test_sizes_of_initial_weights(kind):
    layer = kind(input_size=50, hidden_size=25, initialization="uniform")
    bound = 1 / math.sqrt(25)
    assert 0.9 * bound < float(layer.weight_ih_l0.detach().abs().max()) <= bound


@pytest.mark.parametrize(
    ("kind", "options", "says"),
    [
        (RNN, {"activation": "gelu"}, "unknown activation 'gelu'; did you mean 'relu'"),
        (RNN, {"initialization": "xavier"}, "unknown initialization 'xavier'; .*identity, orthogonal, uniform"),
        (LSTM, {"initialization": "xavier"}, "unknown initialization 'xavier'.*identity, orthogonal, uniform"),
        (GRU, {"initialization": "xavier"}, "unknown initialization 'xavier'.*identity, orthogonal, uniform"),
        (GRU, {"reset_placement": "within"}, "unknown reset_placement 'within'; .*after, before"),
    ],
)
def test_unknown_options_are_named(kind, options, says):
    with pytest.raises(ValueError, match=says):
        kind(input_size=D, hidden_size=H, **options)


@pytest.mark.parametrize(
    ("kind", "options"),
    [(RNN, {}), (RNN, {"activation": "sigmoid"}), (LSTM, {}), (GRU, {}), (GRU, {"reset_placement": "before"})],
)
def test_low_precision_inputs_under_autocast(kind, options):
    """What a layer below hands on under autocast is bfloat16; the state stays as it was, in both gears."""
    layer = kind(input_size=D, hidden_size=H, **options)
    x = torch.randn(2, 6, D).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y, after = layer(x)
        y_t, stepped = layer.step(x[:, 0], layer.initial_state(2))
    assert all(leaf.dtype == torch.float32 for leaf in (*after, *stepped))
    torch.testing.assert_close(y[:, 0].float(), y_t.float(), rtol=0.02, atol=0.02)
