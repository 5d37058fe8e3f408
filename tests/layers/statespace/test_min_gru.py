import numpy as np
import pytest
import torch

from statewise import probe
from statewise.layers.statespace.min_gru import MinGRU, MinGRUState


def example(**options) -> tuple[MinGRU, torch.Tensor, MinGRUState]:
    torch.manual_seed(0)
    layer = MinGRU(input_size=3, hidden_size=4, **options).double()
    return layer, torch.randn(5, 9, 3).double(), MinGRUState(torch.randn(5, 4).double())


def test_equals_the_papers_loop_number_by_number():
    layer, x, state = example()
    (w_z, w_c), (b_z, b_c) = (p.detach().unflatten(0, (2, 4)).numpy() for p in layer.parameters())
    h, expected = state.h.numpy().copy(), np.zeros((5, 9, 4))
    for t in range(9):
        for row in range(5):
            z = 1 / (1 + np.exp(-(w_z @ x[row, t].numpy() + b_z)))
            h[row] = (1 - z) * h[row] + z * (w_c @ x[row, t].numpy() + b_c)
            expected[row, t] = h[row]
    y, final = layer(x, state)
    np.testing.assert_allclose(y.detach().numpy(), expected, rtol=1e-12)
    np.testing.assert_allclose(final.h.detach().numpy(), h, rtol=1e-12)


def test_a_closed_gate_keeps_the_state():
    layer, x, state = example(write_bias=-1e4)
    y, final = layer(x, state)
    assert torch.equal(final.h, state.h)
    assert torch.equal(y, state.h.unsqueeze(1).expand_as(y))


def test_an_open_gate_forgets_everything_but_the_candidate():
    layer, x, state = example(write_bias=1e4)
    y, _ = layer(x, state)
    torch.testing.assert_close(y, layer.input(x)[..., 4:], rtol=0, atol=0)


@pytest.mark.parametrize("bias", [-3.0, 0.0, 2.0])
def test_the_write_bias_sets_how_long_it_remembers(bias):
    """Without input, a state decays to 1/e in about 1 / z = 1 + exp(-bias) steps: exactly as (1 - z)^t."""
    layer, _, state = example(write_bias=bias)
    torch.nn.init.zeros_(layer.input.bias[4:])
    y, _ = layer(torch.zeros(5, 6, 3).double(), state)
    z = 1 / (1 + np.exp(-bias))
    torch.testing.assert_close(y[:, -1], state.h * (1 - z) ** 6)


def test_a_slow_gate_still_forgets_under_autocast():
    """1 - z rounds to 1 in bfloat16 for z = 0.0009, and the state would stand still for ever."""
    layer = MinGRU(input_size=3, hidden_size=4, write_bias=-7.0)
    torch.nn.init.zeros_(layer.input.bias[4:])
    with torch.autocast("cpu", dtype=torch.bfloat16), torch.no_grad():
        _, final = layer(torch.zeros(5, 1000, 3), MinGRUState(torch.ones(5, 4)))
    z = 1 / (1 + np.exp(7.0))
    torch.testing.assert_close(final.h, torch.full((5, 4), (1 - z) ** 1000), rtol=1e-3, atol=0.0)


def test_the_write_gate_can_be_watched():
    layer, x, state = example()
    with probe.recording(layer) as seen:
        layer(x, state)
    z = seen[""]["write_gate"]
    assert z.shape == (5, 9, 4)
    assert bool(((z > 0) & (z < 1)).all())
