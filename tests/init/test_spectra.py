import math

import pytest
import torch
from scipy import stats

from statewise.init.spectra import lru_ring, s4d_inv, s4d_legs, s4d_lin


@pytest.fixture
def _float64():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def hippo_legs(size: int) -> torch.Tensor:
    """HiPPO-LegS as Gu et al. 2020 define it, entry by entry."""
    a = torch.zeros(size, size, dtype=torch.float64)
    for n in range(size):
        a[n, n] = -(n + 1)
        for k in range(n):
            a[n, k] = -math.sqrt((2 * n + 1) * (2 * k + 1))
    return a


@pytest.mark.usefixtures("_float64")
@pytest.mark.parametrize("states", [1, 2, 16])
def test_legs_are_the_eigenvalues_of_the_normal_part_of_hippo(states):
    size = 2 * states
    p = (torch.arange(size) + 0.5).sqrt()
    normal_part = hippo_legs(size) + torch.outer(p, p)
    exact = torch.linalg.eigvals(normal_part)
    exact = exact[exact.imag > 0]
    found = s4d_legs(states)
    assert found.shape == (states,)
    torch.testing.assert_close(found, exact[exact.imag.argsort()], rtol=1e-10, atol=1e-10)


@pytest.mark.usefixtures("_float64")
def test_lin_and_inv_equal_their_equations():
    for n in range(8):
        assert complex(s4d_lin(8)[n]) == pytest.approx(-0.5 + 1j * math.pi * n, rel=1e-14)
        assert complex(s4d_inv(8)[n]) == pytest.approx(-0.5 + 1j * 16 / math.pi * (16 / (2 * n + 1) - 1), rel=1e-14)


def test_inv_approximates_the_largest_of_legs_the_better_the_more_there_are():
    def worst_of_three(states: int) -> float:
        legs, inv = s4d_legs(states).imag.flip(0)[:3], s4d_inv(states).imag[:3]
        return float((inv / legs - 1).abs().max())

    assert worst_of_three(16) > 2 * worst_of_three(64) > 4 * worst_of_three(256)
    assert worst_of_three(256) < 0.02


@pytest.mark.parametrize("eigenvalues", [s4d_lin, s4d_inv, s4d_legs])
def test_every_state_decays_and_the_dtype_is_torchs_default(eigenvalues):
    found = eigenvalues(16)
    assert found.dtype == torch.complex64
    assert found.real.eq(-0.5).all()
    assert found.imag.ge(0).all()
    assert len(found.imag.unique()) == 16


def test_the_ring_is_filled_evenly():
    modulus, phase = lru_ring(4000, 0.4, 0.9, math.pi / 2, torch.Generator().manual_seed(0))
    area = (modulus.double().square() - 0.4**2) / (0.9**2 - 0.4**2)
    assert stats.kstest(area.numpy(), "uniform").pvalue > 1e-3
    assert stats.kstest(phase.double().numpy() / (math.pi / 2), "uniform").pvalue > 1e-3
    assert abs(float(torch.corrcoef(torch.stack([modulus, phase]))[0, 1])) < 4 / 4000**0.5


def test_the_generator_of_the_ring_alone_decides():
    first = lru_ring(10, 0.0, 1.0, 6.0, torch.Generator().manual_seed(3))
    second = lru_ring(10, 0.0, 1.0, 6.0, torch.Generator().manual_seed(3))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    torch.manual_seed(3)
    assert torch.equal(lru_ring(10, 0.0, 1.0, 6.0)[0], first[0])
