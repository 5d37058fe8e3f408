import copy

import numpy as np
import pytest
import torch
from torch import nn

from statewise import probe, tree
from statewise.contract import Segments, SequenceLayer
from statewise.contract.segments import segment_by_segment
from statewise.layers.recurrent.s_lstm import SLSTM
from statewise.ops.dense_recurrence import FORMS


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("heads", [1, 2])
def test_equals_the_papers_equations_without_a_stabiliser(heads):
    """Eq. 8-14: the exponential as it stands; heads see themselves alone."""
    torch.manual_seed(0)
    layer, x = SLSTM(input_size=3, hidden_size=4, heads=heads).double(), torch.randn(2, 9, 3).double()
    w, b = (p.detach().unflatten(0, (4, 4)).numpy() for p in (layer.input.weight, layer.input.bias))
    r = [nn.Parameter(torch.block_diag(*gate)).detach().numpy() for gate in layer.recurrent]
    expected = np.zeros((2, 9, 4))
    for row in range(2):
        h, c, n = np.zeros(4), np.zeros(4), np.zeros(4)
        for t in range(9):
            z, i, f, o = (w[g] @ x[row, t].numpy() + r[g] @ h + b[g] for g in range(4))
            c = sigmoid(f) * c + np.exp(i) * np.tanh(z)
            n = sigmoid(f) * n + np.exp(i)
            h = sigmoid(o) * c / n
            expected[row, t] = h
    np.testing.assert_allclose(layer(x)[0].detach().numpy(), expected, rtol=1e-10)


@pytest.mark.parametrize("input_bias", [-300.0, 300.0])
def test_the_stabiliser_makes_any_scale_of_the_input_gate_the_same(input_bias):
    """c and n are linear in exp(b_i), which h does not see and float32 cannot hold."""
    torch.manual_seed(0)
    layer = SLSTM(input_size=3, hidden_size=4)
    shifted, x = copy.deepcopy(layer), torch.randn(2, 20, 3)
    with torch.no_grad():
        shifted.input.bias[4:8] += input_bias
    torch.testing.assert_close(shifted(x)[0], layer(x)[0], rtol=1e-3, atol=1e-5)
    shifted(x)[0].square().sum().backward()
    assert all(p.grad.isfinite().all() for p in shifted.parameters())


def test_a_large_input_revises_what_was_stored():
    """What an LSTM's gates, bounded by 1, cannot: one exponential outweighs a hundred steps kept in full."""
    layer = SLSTM(input_size=2, hidden_size=1, forget_bias=20.0)
    for p in (layer.recurrent, layer.input.weight):
        nn.init.zeros_(p)
    with torch.no_grad():
        layer.input.weight[0, 0], layer.input.weight[1, 1], layer.input.bias[0] = 10.0, 12.0, 0.0
        layer.input.bias[3] = 20.0
    x = torch.tensor([[1.0, 0.0]]).repeat(100, 1)
    x[-1] = torch.tensor([-1.0, 1.0])
    y, _ = layer(x.unsqueeze(0))
    assert y[0, 98, 0] > 0.99
    assert y[0, 99, 0] < -0.99


def test_single_precision_is_near_double():
    torch.manual_seed(0)
    layer, x = SLSTM(input_size=3, hidden_size=8, heads=2), torch.randn(4, 200, 3)
    exact = copy.deepcopy(layer).double()(x.double())[0]
    assert (layer(x)[0] - exact).norm() / exact.norm() < 1e-5


def test_gates_can_be_watched_and_one_of_two_is_always_open():
    layer = SLSTM(input_size=3, hidden_size=4)
    with probe.recording(layer) as seen:
        layer(torch.randn(2, 9, 3))
    torch.testing.assert_close(torch.maximum(seen[""]["keep_gate"], seen[""]["write_gate"]), torch.ones(2, 9, 4))


def test_heads_must_divide_the_width():
    with pytest.raises(ValueError, match="3 heads and width 4"):
        SLSTM(input_size=3, hidden_size=4, heads=3)


def test_forget_gates_are_spread_over_the_units_of_each_head():
    layer = SLSTM(input_size=3, hidden_size=8, heads=2, forget_bias=5.0, forget_spread=-12.0, forget_power=0.3)
    head = torch.tensor([5 - 12 * (j / 3) ** 0.3 for j in range(4)])
    torch.testing.assert_close(layer.input.bias[16:24], head.repeat(2))
    assert (SLSTM(input_size=3, hidden_size=8).input.bias[16:24] == 3).all()


@pytest.mark.parametrize("form", ["reference", "compiled"])
def test_what_begins_anew_begins_with_an_empty_stabiliser_with_all_gradients(form):
    """Resets at the first step, at the last, at each, in warm rows; against segments that are run as rows."""
    torch.manual_seed(0)
    layer, x = SLSTM(input_size=3, hidden_size=4).double(), torch.randn(4, 9, 3, dtype=torch.float64)
    state = tree.map(lambda leaf: leaf.detach().requires_grad_(), layer(torch.randn(4, 5, 3, dtype=torch.float64))[1])
    reset = torch.zeros(4, 9, dtype=torch.bool)
    reset[0, [0, 4]] = reset[1, :] = reset[2, -1] = True
    with FORMS.use(form):
        found = layer(x, state, reset=reset)
    begun = tree.map(lambda leaf, new: torch.where(reset[:, :1], new, leaf), state, layer.initial_state(4))
    expected = segment_by_segment(
        lambda x, state: SequenceLayer._sequence(layer, x, state),
        x, begun, Segments(reset), layer.initial_state(Segments(reset).later),
    )  # fmt: skip
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)
    wanted = [*state, *layer.parameters()]
    gradients = (
        torch.autograd.grad(sum((leaf * i).square().sum() for i, leaf in enumerate([y, *after], 1)), wanted)
        for y, after in (found, expected)
    )
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-8)
    x[0, 3] = float("nan")
    with FORMS.use(form):
        assert torch.equal(layer(x, state, reset=reset)[0][0, 4:], found[0][0, 4:])
