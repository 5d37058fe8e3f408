import math

import numpy as np
import pytest
import torch
from numpy.polynomial import legendre
from scipy import integrate, linalg

from statewise.init.hippo import legs, legs_low_rank, legs_normal


@pytest.mark.parametrize("states", [1, 2, 7, 16])
def test_legs_equals_its_definition_entry_by_entry(states):
    a, b = legs(states)
    for n in range(states):
        assert b[n].item() == pytest.approx(math.sqrt(2 * n + 1))
        for k in range(states):
            expected = -math.sqrt((2 * n + 1) * (2 * k + 1)) if n > k else -(n + 1.0) if n == k else 0.0
            assert a[n, k].item() == pytest.approx(expected, rel=1e-14)


def test_the_eigenvalues_of_legs_are_minus_one_to_minus_s():
    values = torch.linalg.eigvals(legs(6)[0])
    np.testing.assert_allclose(np.sort(values.real.numpy()), -np.arange(6.0, 0.0, -1), rtol=1e-9)


@pytest.mark.parametrize("pairs", [1, 2, 8, 32])
def test_the_normal_part_is_legs_plus_a_rank_of_one(pairs):
    (a, _), p, (values, vectors) = legs(2 * pairs), legs_low_rank(2 * pairs), legs_normal(pairs)
    normal = a + torch.outer(p, p)
    rebuilt = 2 * (vectors * values @ vectors.conj().T).real
    torch.testing.assert_close(rebuilt, normal, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(vectors.conj().T @ vectors, torch.eye(pairs) + 0j * torch.eye(pairs), check_dtype=False)
    assert bool((values.real == -0.5).all())
    assert bool((values.imag[1:] > values.imag[:-1]).all())
    assert values.imag[0] > 0


def test_the_state_of_legs_holds_the_legendre_coefficients_of_its_past():
    """Gu et al. 2020, theorem 2: with the measure exp(s - t) of S4's time-invariant form, and p_n(exp(-s)) the basis.

    For u = 1 from the start on, the state settles at -A^-1 B, the coefficients of a constant: all in the first.
    """
    a, b = legs(8)
    settled = np.linalg.solve(-a.numpy(), b.numpy())
    np.testing.assert_allclose(settled, np.eye(8)[0], atol=1e-10)
    # an impulse s ago stands as sqrt(2n + 1) P_n(2 exp(-s) - 1) exp(-s)
    for s in (0.1, 0.7, 2.0):
        z = math.exp(-s)
        basis = [math.sqrt(2 * n + 1) * legendre.legval(2 * z - 1, np.eye(8)[n]) * z for n in range(8)]
        np.testing.assert_allclose(linalg.expm(s * a.numpy()) @ b.numpy(), basis, atol=1e-10)
    energy, _ = integrate.quad(lambda z: (7**0.5 * legendre.legval(2 * z - 1, np.eye(8)[3])) ** 2, 0, 1)
    assert energy == pytest.approx(1)
