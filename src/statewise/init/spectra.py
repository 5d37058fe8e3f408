"""Eigenvalues of diagonal state-space layers. They come in torch's default dtype and its complex counterpart."""

import math

import torch
from torch import Tensor

from statewise.init.hippo import legs_normal


def lru_ring(
    units: int, smallest: float, largest: float, largest_phase: float, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Modulus and phase of eigenvalues uniform on a ring of the complex plane (Orvieto et al. 2023, lemma 3.2).

    Returns:
        ``|lambda|`` in ``[smallest, largest]`` and the phase in ``[0, largest_phase]``, each ``(units,)``. Without a
        ``generator`` they are drawn from torch's global one.
    """
    first, second = torch.rand(units, generator=generator), torch.rand(units, generator=generator)
    modulus = (first * (largest**2 - smallest**2) + smallest**2).sqrt()
    return modulus, largest_phase * second


def s4d_lin(states: int) -> Tensor:
    """S4D-Lin: lambda_n = -1/2 + i pi n (Gu et al. 2022, arXiv 2206.11893, eq. 9); complex ``(states,)``.

    >>> s4d_lin(2)
    tensor([-0.5000+0.0000j, -0.5000+3.1416j])
    """
    n = torch.arange(states)
    return torch.complex(torch.full((states,), -0.5), math.pi * n)


def s4d_inv(states: int) -> Tensor:
    """S4D-Inv: lambda_n = -1/2 + i N/pi (N/(2n + 1) - 1), N = 2 states (ibid., eq. 8); complex ``(states,)``."""
    full = 2 * states
    n = torch.arange(states)
    return torch.complex(torch.full((states,), -0.5), full / math.pi * (full / (2 * n + 1) - 1))


def s4d_legs(states: int) -> Tensor:
    """S4D-LegS: the eigenvalues, one of each conjugate pair, of HiPPO-LegS without its low-rank part.

    Gu et al. 2022, arXiv 2206.11893: with N = 2 states and P_n = sqrt(n + 1/2), A + P P^T is -1/2 on the diagonal plus
    the antisymmetric matrix with -P_n P_k below it. S4D-Inv approximates what comes out.

    Returns:
        Complex ``(states,)``, by growing imaginary part.

    >>> s4d_legs(2)
    tensor([-0.5000+0.5565j, -0.5000+4.6033j])
    """
    return legs_normal(states)[0].to(torch.get_default_dtype().to_complex())
