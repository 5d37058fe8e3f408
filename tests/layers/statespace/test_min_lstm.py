import numpy as np
import pytest
import torch

from statewise import probe
from statewise.layers.statespace.min_lstm import MinLSTM, MinLSTMState


def example(**options) -> tuple[MinLSTM, torch.Tensor, MinLSTMState]:
    torch.manual_seed(0)
    layer = MinLSTM(input_size=3, hidden_size=4, **options).double()
    return layer, torch.randn(5, 9, 3).double(), MinLSTMState(torch.randn(5, 4).double())


def test_equals_the_papers_loop_number_by_number():
    layer, x, state = example(forget_bias=0.7)
    weights, biases = (p.detach().unflatten(0, (3, 4)).numpy() for p in layer.parameters())
    h, expected = state.h.numpy().copy(), np.zeros((5, 9, 4))
    for t in range(9):
        for row in range(5):
            f, i, new = (w @ x[row, t].numpy() + b for w, b in zip(weights, biases, strict=True))
            f, i = 1 / (1 + np.exp(-f)), 1 / (1 + np.exp(-i))
            h[row] = f / (f + i) * h[row] + i / (f + i) * new
            expected[row, t] = h[row]
    y, final = layer(x, state)
    np.testing.assert_allclose(y.detach().numpy(), expected, rtol=1e-12)
    np.testing.assert_allclose(final.h.detach().numpy(), h, rtol=1e-12)


@pytest.mark.parametrize("bias", [-2.0, 0.0, 3.0])
def test_the_forget_bias_sets_how_long_it_remembers(bias):
    """Without input it keeps f / (f + 1/2) a step."""
    layer, _, state = example(forget_bias=bias)
    torch.nn.init.zeros_(layer.input.bias[4:])
    y, _ = layer(torch.zeros(5, 6, 3).double(), state)
    f = 1 / (1 + np.exp(-bias))
    torch.testing.assert_close(y[:, -1], state.h * (f / (f + 0.5)) ** 6)


def test_two_closed_gates_still_share_what_there_is():
    """Both round to 0 in single precision, and their shares are as 1 to e^2."""
    layer = MinLSTM(input_size=3, hidden_size=4)
    torch.nn.init.zeros_(layer.input.weight)
    with torch.no_grad():
        layer.input.bias.copy_(torch.tensor([-200.0, -198.0, 0.0]).repeat_interleave(4))
    kept = torch.tensor(1 / (1 + np.exp(2))).float()
    for y in (
        layer(torch.zeros(1, 1, 3), MinLSTMState(torch.ones(1, 4)))[0][:, 0],
        layer.step(torch.zeros(1, 3), MinLSTMState(torch.ones(1, 4)))[0],
    ):
        torch.testing.assert_close(y, kept.expand(1, 4))


def test_the_gate_can_be_watched():
    layer, x, state = example()
    with probe.recording(layer) as seen:
        layer(x, state)
    keep = seen[""]["keep_gate"]
    assert keep.shape == (5, 9, 4)
    assert bool(((keep > 0) & (keep < 1)).all())
