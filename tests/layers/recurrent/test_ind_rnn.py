import numpy as np
import pytest
import torch
from torch import nn

from statewise.layers.recurrent.ind_rnn import IndRNN, IndRNNState


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_it_is_torchs_rnn_with_a_diagonal_matrix(activation):
    torch.manual_seed(0)
    layer = IndRNN(input_size=3, hidden_size=4, activation=activation).double()
    peer = nn.RNN(3, 4, nonlinearity=activation, batch_first=True).double()
    with torch.no_grad():
        peer.weight_ih_l0.copy_(layer.input.weight)
        peer.weight_hh_l0.copy_(layer.recurrent.diag())
        peer.bias_ih_l0.copy_(layer.input.bias)
        peer.bias_hh_l0.zero_()
    x, h = torch.randn(5, 9, 3).double(), torch.randn(5, 4).double()
    y, state = layer(x, IndRNNState(h))
    expected, last = peer(x, h.unsqueeze(0))
    torch.testing.assert_close(y, expected)
    torch.testing.assert_close(state.h, last[0])


def test_within_its_bound_a_gradient_at_most_doubles_over_the_longest_memory():
    layer = IndRNN(input_size=1, hidden_size=2, longest_memory=50)
    with torch.no_grad():
        layer.recurrent.copy_(torch.tensor([3.0, -3.0]))
    h = torch.ones(1, 2, requires_grad=True)
    layer.input.requires_grad_(False).bias.fill_(1.0)
    y, _ = layer(torch.zeros(1, 50, 1), IndRNNState(h))
    (grad,) = torch.autograd.grad(y[:, -1, 0].sum(), h)
    np.testing.assert_allclose(grad[0, 0], 2.0, rtol=1e-5)


def test_a_weight_beyond_the_bound_is_still_told_where_to_go():
    layer = IndRNN(input_size=1, hidden_size=1, longest_memory=2)
    nn.init.constant_(layer.recurrent, 9.0)
    layer(torch.ones(1, 3, 1), IndRNNState(torch.ones(1, 1)))[0].sum().backward()
    assert layer.recurrent.grad.abs() > 0


def test_at_the_start_weights_fill_their_range():
    torch.manual_seed(0)
    u = IndRNN(input_size=1, hidden_size=2000, longest_memory=2).recurrent
    assert u.min() >= 0
    assert 1.40 < u.max() <= 2**0.5


def test_no_memory_at_all_is_refused():
    with pytest.raises(ValueError, match="at least 1 step, got 0"):
        IndRNN(input_size=1, hidden_size=1, longest_memory=0)
