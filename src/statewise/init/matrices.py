"""Recurrent matrices: orthogonal, identity, uniform as torch.nn's, and reservoirs of a given spectral radius."""

import math
from typing import Literal

import torch
from torch import Tensor

Topology = Literal["random", "orthogonal", "ring"]


def uniform_(weight: Tensor, fan: int) -> Tensor:
    """Fill with U(-1/sqrt(fan), 1/sqrt(fan)), which is what ``torch.nn.LSTM`` does with fan = hidden size."""
    bound = 1 / math.sqrt(fan) if fan else 0.0
    return torch.nn.init.uniform_(weight, -bound, bound)


def orthogonal_blocks_(weight: Tensor) -> Tensor:
    """Fill each square block of a ``(gates * H, H)`` matrix with a random orthogonal one (Saxe et al. 2014)."""
    width = weight.shape[1]
    with torch.no_grad():
        for block in weight.split(width, dim=0):
            torch.nn.init.orthogonal_(block)
    return weight


def reservoir_matrix(
    units: int, *, spectral_radius: float, connectivity: float, topology: Topology, generator: torch.Generator
) -> Tensor:
    """A fixed recurrent matrix ``(units, units)`` in float64 whose largest eigenvalue has modulus ``spectral_radius``.

    ``random``: normal entries, each kept with probability ``connectivity`` (Jaeger 2001). ``orthogonal``: a random
    orthogonal matrix. ``ring``: unit i feeds unit i + 1 alone, the simple cycle reservoir of Rodan & Tino 2011.
    The eigenvalues are computed exactly, which costs about 25 units^3 operations.
    """
    if topology == "ring":
        return spectral_radius * torch.roll(torch.eye(units, dtype=torch.float64), 1, dims=0)
    weights = torch.randn(units, units, generator=generator, dtype=torch.float64)
    if topology == "orthogonal":
        q, r = torch.linalg.qr(weights)
        return spectral_radius * q * r.diagonal().sign()
    weights = weights * (torch.rand(units, units, generator=generator, dtype=torch.float64) < connectivity)
    radius = float(torch.linalg.eigvals(weights).abs().max())
    return weights * (spectral_radius / radius) if radius > 0 else weights
