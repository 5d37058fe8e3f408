import numpy as np
import pytest
import torch
from torch import nn

from statewise import probe
from statewise.layers.recurrent.quasi_rnn import QuasiRNN


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def example(**options) -> tuple[QuasiRNN, torch.Tensor]:
    torch.manual_seed(0)
    return QuasiRNN(input_size=3, hidden_size=4, **options).double(), torch.randn(5, 9, 3).double()


@pytest.mark.parametrize("pooling", ["f", "fo", "ifo"])
@pytest.mark.parametrize("kernel_size", [1, 2, 4])
def test_equals_the_papers_loop_over_torchs_convolution(pooling, kernel_size):
    layer, x = example(pooling=pooling, kernel_size=kernel_size, forget_bias=0.4)
    convolution = nn.Conv1d(3, layer.bias.numel(), kernel_size).double()
    convolution.load_state_dict({"weight": layer.weight, "bias": layer.bias})
    with torch.no_grad():
        made = convolution(nn.functional.pad(x.transpose(1, 2), (kernel_size - 1, 0))).transpose(1, 2)
    gates = made.unflatten(2, (-1, 4)).numpy()
    c, expected = np.zeros((5, 4)), np.zeros((5, 9, 4))
    for t in range(9):
        z, f = np.tanh(gates[:, t, 0]), sigmoid(gates[:, t, 1])
        i = sigmoid(gates[:, t, 3]) if pooling == "ifo" else 1 - f
        c = f * c + i * z
        expected[:, t] = c if pooling == "f" else sigmoid(gates[:, t, 2]) * c
    y, state = layer(x)
    np.testing.assert_allclose(y.detach().numpy(), expected, rtol=1e-10)
    np.testing.assert_allclose(state.c.detach().numpy(), c, rtol=1e-10)
    assert torch.equal(state.tail, x[:, 9 - (kernel_size - 1) :])


def test_zoneout_keeps_that_share_of_the_memory_in_training_alone():
    torch.manual_seed(0)
    layer = QuasiRNN(input_size=3, hidden_size=200, zoneout=0.3)
    with probe.recording(layer) as seen:
        layer(torch.randn(4, 30, 3))
    kept = seen[""]["keep_gate"] == 1
    assert 0.27 < kept.float().mean() < 0.33
    assert not torch.equal(kept[:, 0], kept[:, 1])
    x = torch.randn(4, 30, 3)
    without = QuasiRNN(input_size=3, hidden_size=200)
    without.load_state_dict(layer.state_dict())
    assert torch.equal(layer.eval()(x)[0], without(x)[0])


def test_gradients_pass_where_units_are_zoned_out():
    layer, x = example(zoneout=0.5)
    layer(x)[0].square().sum().backward()
    assert all(p.grad.isfinite().all() for p in layer.parameters())


def test_an_empty_kernel_is_refused():
    with pytest.raises(ValueError, match="at least 1 step wide, got 0"):
        QuasiRNN(input_size=3, hidden_size=4, kernel_size=0)
