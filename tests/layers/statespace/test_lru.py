import math

import numpy as np
import pytest
import torch

from statewise.layers.statespace.lru import LRU, LRUState


def eigenvalues(layer: LRU) -> np.ndarray:
    nu, theta = (p.detach().double().numpy() for p in (layer.nu, layer.theta))
    return np.exp(-np.exp(nu) + 1j * np.exp(theta))


def test_equals_a_dense_recurrence_of_real_matrices():
    """An eigenvalue is a scaled rotation of the plane: the layer is h' = A h + B x, y = C h + D x in 2S reals."""
    torch.manual_seed(0)
    layer = LRU(input_size=3, hidden_size=4, state_size=6).double()
    x, state = torch.randn(5, 9, 3).double(), LRUState(torch.randn(5, 6, 2).double())
    a = np.zeros((12, 12))
    for n, value in enumerate(eigenvalues(layer)):
        a[2 * n : 2 * n + 2, 2 * n : 2 * n + 2] = [[value.real, -value.imag], [value.imag, value.real]]
    gain = np.repeat(np.exp(layer.log_gamma.detach().numpy()), 2)
    b = gain[:, None] * layer.input_map.weight.detach().numpy()
    c, d = layer.output_map.weight.detach().numpy(), layer.skip.weight.detach().numpy()
    h, expected = state.h.numpy().reshape(5, 12), []
    for t in range(9):
        h = h @ a.T + x[:, t].numpy() @ b.T
        expected.append(h @ c.T + x[:, t].numpy() @ d.T)
    y, final = layer(x, state)
    np.testing.assert_allclose(y.detach().numpy(), np.stack(expected, axis=1), rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(final.h.detach().numpy().reshape(5, 12), h, rtol=1e-11, atol=1e-12)


def test_eigenvalues_start_on_the_ring():
    torch.manual_seed(0)
    layer = LRU(
        input_size=1,
        hidden_size=1,
        state_size=2000,
        smallest_modulus=0.6,
        largest_modulus=0.9,
        largest_phase=math.pi / 10,
    )
    values = eigenvalues(layer)
    modulus, phase = np.abs(values), np.angle(values)
    assert modulus.min() >= 0.6 - 1e-6
    assert modulus.max() <= 0.9 + 1e-6
    assert phase.min() >= 0
    assert phase.max() <= math.pi / 10 + 1e-6
    # uniform by area: half of them lie outside the radius that halves the ring
    assert abs((modulus > math.sqrt((0.6**2 + 0.9**2) / 2)).mean() - 0.5) < 0.05


def test_the_edges_of_the_disc_start_finite_and_stable(monkeypatch):
    """A random modulus of 0 or 1 and a phase of 0 can be drawn in float32, and their logarithms are infinite."""
    edges = (torch.tensor([0.0, 1.0]), torch.zeros(2))
    monkeypatch.setattr("statewise.layers.statespace.lru.lru_ring", lambda *_: edges)
    layer = LRU(input_size=1, hidden_size=1, state_size=2)
    assert np.abs(eigenvalues(layer)).max() < 1
    layer(torch.ones(1, 5, 1))[0].sum().backward()
    assert all(bool(p.isfinite().all() and p.grad.isfinite().all()) for p in layer.parameters())


def test_gamma_gives_the_state_the_variance_of_the_driven_input():
    """For white noise x, E|h|^2 = gamma^2 E|B x|^2 / (1 - |lambda|^2) in the limit: gamma cancels the denominator."""
    torch.manual_seed(0)
    layer = LRU(input_size=8, hidden_size=1, state_size=32, smallest_modulus=0.5, largest_modulus=0.95)
    with torch.no_grad():
        _, state = layer(torch.randn(4000, 200, 8))
    power = state.h.square().sum(-1).mean(0)
    driven = layer.input_map.weight.square().sum(-1).view(32, 2).sum(-1)
    torch.testing.assert_close(power, driven, rtol=0.12, atol=0.0)
    np.testing.assert_allclose(
        np.exp(2 * layer.log_gamma.detach().numpy()), 1 - np.abs(eigenvalues(layer)) ** 2, rtol=1e-4
    )


@pytest.mark.parametrize("nu", [-30.0, -10.0, 0.0, 10.0, 80.0])
def test_no_parameter_can_make_it_unstable(nu):
    torch.manual_seed(0)
    layer = LRU(input_size=2, hidden_size=2)
    torch.nn.init.constant_(layer.nu, nu)
    y, _ = layer(torch.zeros(1, 300, 2), LRUState(torch.ones(1, 2, 2)))
    y.sum().backward()
    assert y.abs().max() < 100
    assert all(p.grad is None or bool(p.grad.isfinite().all()) for p in layer.parameters())


@pytest.mark.parametrize("ring", [(-0.1, 1.0, 1.0), (0.5, 0.5, 1.0), (0.0, 1.1, 1.0), (0.0, 1.0, 0.0), (0.0, 1.0, 7.0)])
def test_what_is_not_a_ring_is_refused(ring):
    smallest, largest, phase = ring
    with pytest.raises(ValueError, match="ring"):
        LRU(input_size=2, hidden_size=2, smallest_modulus=smallest, largest_modulus=largest, largest_phase=phase)
