"""The fixed-window perceptron against the paper's formula on windows put together by hand."""

import pytest
import torch
from torch import nn

from statewise import laws, tree
from statewise.layers.convolution.window_mlp import WindowMLP


@pytest.mark.parametrize("window", [1, 2, 4, 12])
def test_keeps_the_laws(window):
    laws.check(WindowMLP(input_size=3, hidden_size=4, window=window))


@pytest.mark.parametrize("window", [1, 5, 30])
def test_equals_a_perceptron_on_the_concatenated_inputs(window):
    torch.manual_seed(0)
    layer = WindowMLP(input_size=3, hidden_size=4, window=window).double()
    perceptron = nn.Sequential(nn.Linear(3 * window, 4), nn.ReLU(), nn.Linear(4, 4)).double()
    with torch.no_grad():
        perceptron[0].weight.copy_(layer.hidden.weight.transpose(1, 2).flatten(1))
        perceptron[0].bias.copy_(layer.hidden.bias)
    perceptron[2] = layer.out
    x = torch.randn(2, 20, 3, dtype=torch.float64)
    y, _ = layer(x)
    padded = torch.cat([torch.zeros(2, window - 1, 3, dtype=torch.float64), x], dim=1)
    for t in range(20):
        expected = perceptron(padded[:, t : t + window].flatten(1))
        torch.testing.assert_close(y[:, t], expected, rtol=0, atol=1e-12)


def test_knows_the_window_and_nothing_before_it():
    layer = WindowMLP(input_size=3, hidden_size=4, window=5)
    x = torch.randn(1, 20, 3, requires_grad=True)
    (gradient,) = torch.autograd.grad(layer(x)[0][0, 12].sum(), x)
    assert gradient[0].abs().sum(dim=1).nonzero().flatten().tolist() == [8, 9, 10, 11, 12]


def test_the_state_is_the_last_inputs_alone():
    x = torch.randn(2, 20, 3)
    _, state = WindowMLP(input_size=3, hidden_size=4, window=5)(x)
    torch.testing.assert_close(state.tail, x[:, -4:])
    assert tree.nbytes(state) == state.tail.untyped_storage().nbytes() == 2 * 4 * 3 * 4


def test_a_window_below_one_is_refused():
    with pytest.raises(ValueError, match="window must be at least 1, got 0"):
        WindowMLP(input_size=3, hidden_size=4, window=0)
