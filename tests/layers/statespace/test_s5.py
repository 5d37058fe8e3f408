import numpy as np
import pytest
import torch
from scipy.linalg import expm
from scipy.special import erf

from statewise.init.hippo import legs, legs_low_rank, legs_normal
from statewise.layers.statespace.s5 import S5, S5State


def gated(layer: S5, s: np.ndarray) -> np.ndarray:
    u = s * (1 + erf(s / np.sqrt(2))) / 2
    gate = u @ layer.gate.weight.detach().numpy().T + layer.gate.bias.detach().numpy()
    return u / (1 + np.exp(-gate))


def continuous(layer: S5) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """dt, A (diagonal), B and C over all P states: those of a layer and their conjugates."""
    p = {name: value.detach().numpy() for name, value in layer.named_parameters()}
    a = -np.exp(p["log_decay"]) + 1j * p["frequency"]
    b = p["input_map.weight"].reshape(len(a), 2, -1)
    c = p["output_map.weight"].reshape(-1, len(a), 2)
    b, c, dt = b[:, 0] + 1j * b[:, 1], c[..., 0] - 1j * c[..., 1], np.exp(p["log_dt"])
    return (
        np.concatenate([dt, dt]), np.concatenate([a, a.conj()]),
        np.concatenate([b, b.conj()]), np.concatenate([c, c.conj()], axis=1),
    )  # fmt: skip


def test_equals_the_exactly_sampled_system_over_all_states():
    """Zero-order hold by the matrix exponential of [[A, B], [0, 0]] (Van Loan), every state with its own step."""
    torch.manual_seed(0)
    layer = S5(input_size=3, hidden_size=4, conjugate_pairs=5, dt_min=0.05, dt_max=0.5).double()
    dt, a, b, c = continuous(layer)
    both = np.zeros((13, 13), dtype=complex)
    both[:10, :10], both[:10, 10:] = np.diag(dt * a), dt[:, None] * b
    sampled = expm(both)
    x, start = torch.randn(5, 12, 3).double(), torch.randn(5, 5, 2).double()
    h = torch.view_as_complex(start).numpy()
    h, outputs = np.concatenate([h, h.conj()], axis=1), []
    for t in range(12):
        h = h @ sampled[:10, :10].T + x[:, t].numpy() @ sampled[:10, 10:].T
        s = h @ c.T
        assert np.abs(s.imag).max() < 1e-12
        outputs.append(gated(layer, s.real + x[:, t].numpy() @ layer.skip.weight.detach().numpy().T))
    y, final = layer(x, S5State(start))
    np.testing.assert_allclose(y.detach().numpy(), np.stack(outputs, axis=1), rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(torch.view_as_complex(final.h.detach()).numpy(), h[:, :5], rtol=1e-9, atol=1e-11)


def test_starts_as_the_normal_part_of_hippo_seen_through_its_eigenvectors():
    """With its eigenvectors undone, the system has HiPPO-N for A and real matrices B and C of unit gain."""
    torch.manual_seed(0)
    layer = S5(input_size=50, hidden_size=60, conjugate_pairs=20).double()
    _, a, b, c = continuous(layer)
    half = legs_normal(20)[1].numpy()
    vectors = np.concatenate([half, half.conj()], axis=1)
    normal = legs(40)[0] + torch.outer(legs_low_rank(40), legs_low_rank(40))
    np.testing.assert_allclose(vectors @ np.diag(a) @ vectors.conj().T, normal.numpy(), atol=2e-5)
    for matrix, fan in ((vectors @ b, 50), (c @ vectors.conj().T, 40)):
        np.testing.assert_allclose(matrix.imag, 0, atol=1e-5)
        assert matrix.real.var() * fan == pytest.approx(1, rel=0.1)


def test_as_many_states_as_outputs_unless_said():
    assert S5(input_size=3, hidden_size=7).initial_state(1).h.shape == (1, 4, 2)
    with pytest.raises(ValueError, match="conjugate_pairs"):
        S5(input_size=3, hidden_size=4, conjugate_pairs=0)
