import numpy as np
import pytest
import torch
from scipy.signal import cont2discrete, dlsim

from statewise import laws
from statewise.layers.statespace.s4d import S4D, S4DState
from statewise.ops import diagonal_convolution

TIME = 75


def layer_and_input(eigenvalues="lin") -> tuple[S4D, torch.Tensor]:
    torch.manual_seed(0)
    layer = S4D(
        input_size=3, hidden_size=4, conjugate_pairs=4, eigenvalues=eigenvalues, dt_min=0.05, dt_max=0.5
    ).double()
    return layer, torch.randn(5, TIME, 3).double()


def continuous(layer: S4D) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """dt (D,), A (D, S/2) and C (D, S/2) of a layer."""
    dt = np.exp(layer.log_dt.detach().numpy())
    a = -np.exp(layer.log_decay.detach().numpy()) + 1j * layer.frequency.detach().numpy()
    c = layer.readout.detach().numpy()
    return dt, a, c[..., 0] + 1j * c[..., 1]


def mixed(layer: S4D, channels: np.ndarray) -> torch.Tensor:
    values, gate = layer.mix.linear(torch.nn.functional.gelu(torch.from_numpy(channels))).chunk(2, dim=-1)
    return values * torch.sigmoid(gate)


def forward_and_steps(layer: S4D, x: torch.Tensor) -> list[torch.Tensor]:
    state, outputs = layer.initial_state(len(x)), []
    for x_t in x.unbind(1):
        y_t, state = layer.step(x_t, state)
        outputs.append(y_t)
    return [layer(x)[0], torch.stack(outputs, dim=1)]


@pytest.mark.parametrize("eigenvalues", ["lin", "inv", "legs"])
def test_equals_the_convolution_with_the_vandermonde_kernel(eigenvalues):
    """The paper's kernel over all S conjugate states, K_j = sum_n C_n abar_n^j bbar_n, which comes out real."""
    layer, x = layer_and_input(eigenvalues)
    dt, a, c = continuous(layer)
    a, c = (np.concatenate([half, half.conj()], axis=1) for half in (a, c))
    channels = np.zeros((5, TIME, 3))
    for d in range(3):
        abar = np.exp(dt[d] * a[d])
        kernel = (c[d] * (abar - 1) / a[d]) @ np.vander(abar, TIME, increasing=True)
        assert np.abs(kernel.imag).max() < 1e-12
        for row in range(5):
            u = x[row, :, d].numpy()
            channels[row, :, d] = np.convolve(kernel.real, u)[:TIME] + layer.mix.skip[d].item() * u
    for y in forward_and_steps(layer, x):
        torch.testing.assert_close(y, mixed(layer, channels), rtol=1e-10, atol=1e-11)


def test_equals_scipys_zero_order_hold_of_the_continuous_system():
    layer, x = layer_and_input()
    dt, a, c = continuous(layer)
    channels = np.zeros((5, TIME, 3))
    for d in range(3):
        blocks = [[[z.real, -z.imag], [z.imag, z.real]] for z in a[d]]
        real_a = np.zeros((8, 8))
        for n, block in enumerate(blocks):
            real_a[2 * n : 2 * n + 2, 2 * n : 2 * n + 2] = block
        real_b = np.tile([[1.0], [0.0]], (4, 1))
        real_c = np.stack([2 * c[d].real, -2 * c[d].imag], axis=1).reshape(1, 8)
        *sampled, _ = cont2discrete((real_a, real_b, real_c, [[0.0]]), dt[d], method="zoh")
        abar, bbar, cbar, _ = sampled
        for row in range(5):
            u = x[row, :, d].numpy()
            # scipy reads y_t = C h_t before the input of step t; ours reads after it: C h_{t+1} = C A h_t + C B u_t
            shifted = (abar, bbar, cbar @ abar, cbar @ bbar + layer.mix.skip[d].item(), 1)
            channels[row, :, d] = dlsim(shifted, u)[1].ravel()
    for y in forward_and_steps(layer, x):
        torch.testing.assert_close(y, mixed(layer, channels), rtol=1e-10, atol=1e-11)


def test_goes_on_from_a_warm_state_across_blocks():
    layer, x = layer_and_input()
    whole, end = layer(x)
    for cut in (1, 31, 32, 33, 50, 64):
        first, state = layer(x[:, :cut])
        second, final = layer(x[:, cut:], state)
        torch.testing.assert_close(torch.cat([first, second], dim=1), whole, rtol=1e-11, atol=1e-12)
        torch.testing.assert_close(final.h, end.h, rtol=1e-11, atol=1e-12)


def test_keeps_the_laws_with_several_blocks_in_a_sequence(monkeypatch):
    monkeypatch.setattr(diagonal_convolution, "BLOCK", 4)
    laws.check(S4D(input_size=3, hidden_size=4, conjugate_pairs=4))


def test_a_state_decays_as_its_eigenvalues_say():
    layer, _ = layer_and_input()
    dt, a, _ = continuous(layer)
    torch.manual_seed(1)
    start = torch.randn(5, 3, 4, 2).double()
    _, state = layer(torch.zeros(5, 40, 3).double(), S4DState(start))
    expected = np.exp(40 * dt[:, None] * a) * torch.view_as_complex(start).numpy()
    torch.testing.assert_close(torch.view_as_complex(state.h.detach()), torch.from_numpy(expected))


def test_starts_as_the_paper_says():
    layer = S4D(input_size=400, hidden_size=2, dt_min=0.002, dt_max=0.2)
    dt, a, _ = continuous(layer)
    np.testing.assert_allclose(a[7], -0.5 + 1j * np.pi * np.arange(8), rtol=1e-6)
    assert dt.min() >= 0.002 * (1 - 1e-5)
    assert dt.max() <= 0.2 * (1 + 1e-5)
    assert abs((dt < 0.02).mean() - 0.5) < 0.1


def test_legs_starts_at_the_eigenvalues_of_hippo_without_its_low_rank_part():
    """Gu et al. 2022 (S4), eq. 2: A + P P^T is normal; S4D keeps one of each conjugate pair of its eigenvalues."""
    size = 16
    p = np.sqrt(np.arange(size) + 0.5)
    hippo = -np.array(
        [[2 * p[n] * p[k] if n > k else (n + 1 if n == k else 0.0) for k in range(size)] for n in range(size)]
    )
    expected = np.linalg.eigvals(hippo + np.outer(p, p))
    expected = expected[expected.imag > 0]
    _, a, _ = continuous(S4D(input_size=3, hidden_size=4, conjugate_pairs=size // 2, eigenvalues="legs").double())
    for channel in a:
        np.testing.assert_allclose(np.sort(channel.imag), np.sort(expected.imag), rtol=1e-5)
        np.testing.assert_allclose(channel.real, expected.real, rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"conjugate_pairs": 0}, "at least 1"),
        ({"eigenvalues": "hippo"}, "unknown eigenvalues .hippo.; .*inv, legs, lin"),
        ({"dt_min": 0.2, "dt_max": 0.1}, "dt_min"),
        ({"dt_min": 0.0}, "dt_min"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        S4D(input_size=3, hidden_size=4, **options)
