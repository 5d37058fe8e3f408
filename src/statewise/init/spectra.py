"""Eigenvalues of diagonal state-space layers."""

import math

import torch
from torch import Tensor


def lru_ring(units: int, smallest: float, largest: float, largest_phase: float) -> tuple[Tensor, Tensor]:
    """Modulus and phase of eigenvalues uniform on a ring of the complex plane (Orvieto et al. 2023, lemma 3.2).

    Returns:
        ``|lambda|`` in ``[smallest, largest]`` and the phase in ``[0, largest_phase]``, each ``(units,)``.
    """
    first, second = torch.rand(units), torch.rand(units)
    modulus = (first * (largest**2 - smallest**2) + smallest**2).sqrt()
    return modulus, largest_phase * second


def s4d_lin(states: int) -> Tensor:
    """S4D-Lin: lambda_n = -1/2 + i pi n (Gu et al. 2022, arXiv 2206.11893, eq. 9); complex ``(states,)``."""
    n = torch.arange(states)
    return torch.complex(torch.full((states,), -0.5), math.pi * n)


def s4d_inv(states: int) -> Tensor:
    """S4D-Inv: lambda_n = -1/2 + i N/pi (N/(2n + 1) - 1), N = 2 states (ibid., eq. 8); complex ``(states,)``."""
    full = 2 * states
    n = torch.arange(states)
    return torch.complex(torch.full((states,), -0.5), full / math.pi * (full / (2 * n + 1) - 1))
