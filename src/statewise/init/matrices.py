"""Recurrent matrices: uniform as torch.nn's, orthogonal, and reservoirs of a given spectral radius.

The identity is ``torch.nn.init.eye_``. As there, a ``generator`` of ``None`` is torch's global one.
"""

import math
from typing import Literal, get_args

import torch
from torch import Tensor

from statewise.errors import choose

Topology = Literal["random", "orthogonal", "ring"]
Distribution = Literal["uniform", "bernoulli"]

Recurrent = Literal["uniform", "orthogonal", "identity"]

DRAWS = 1000
"""How many sparse matrices are drawn in search of one with a cycle"""


def uniform_(weight: Tensor, fan: int, generator: torch.Generator | None = None) -> Tensor:
    """Fill with U(-1/sqrt(fan), 1/sqrt(fan)), which is what ``torch.nn.LSTM`` does with fan = hidden size."""
    bound = 1 / math.sqrt(fan) if fan else 0.0
    return torch.nn.init.uniform_(weight, -bound, bound, generator=generator)


def recurrent_(weight: Tensor, kind: Recurrent, generator: torch.Generator | None = None) -> Tensor:
    """Fill the square blocks of a recurrent ``(gates * H, H)`` matrix.

    ``uniform``: U(-1/sqrt(H), 1/sqrt(H)), as torch.nn's. ``orthogonal``: random orthogonal matrices (Saxe et al. 2014).
    ``identity``: each the identity (Le, Jaitly & Hinton 2015).

    Raises:
        UserError: if the kind is unknown.

    >>> recurrent_(torch.empty(4, 2), "identity").tolist()
    [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]
    """
    choose("initialization", kind, get_args(Recurrent))
    if kind == "uniform":
        return uniform_(weight, weight.shape[1], generator)
    if kind == "orthogonal":
        return orthogonal_blocks_(weight, generator)
    with torch.no_grad():
        return weight.copy_(torch.eye(weight.shape[1]).repeat(weight.shape[0] // max(1, weight.shape[1]), 1))


def orthogonal_blocks_(weight: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Fill each square block of a ``(gates * H, H)`` matrix with a random orthogonal one (Saxe et al. 2014)."""
    with torch.no_grad():
        for block in weight.split(weight.shape[1], dim=0):
            torch.nn.init.orthogonal_(block, generator=generator)
    return weight


def reservoir_matrix(
    units: int,
    *,
    spectral_radius: float,
    connectivity: float,
    topology: Topology,
    generator: torch.Generator | None = None,
) -> Tensor:
    """A fixed recurrent matrix ``(units, units)`` in float64 whose largest eigenvalue has modulus ``spectral_radius``.

    ``random``: normal entries, of which the fraction ``connectivity`` is kept, at least one, wherever they happen to
    stand (Jaeger 2001), drawn again where no unit reaches itself. ``orthogonal``: a random orthogonal matrix. ``ring``:
    unit i feeds unit i + 1 alone, the simple cycle reservoir of Rodan & Tino 2011. On the meta device it is a shape, of
    which no eigenvalue is worked out.

    Raises:
        ValueError: if the topology is unknown, or no random matrix with a cycle turns up, so that every eigenvalue
            would be 0.

    >>> generator = torch.Generator().manual_seed(0)
    >>> w = reservoir_matrix(50, spectral_radius=0.9, connectivity=0.1, topology="random", generator=generator)
    >>> round(float(torch.linalg.eigvals(w).abs().max()), 6)
    0.9
    """
    choose("topology", topology, get_args(Topology))
    if topology == "ring":
        return spectral_radius * torch.roll(torch.eye(units, dtype=torch.float64), 1, dims=0)
    if topology == "orthogonal":
        q, r = torch.linalg.qr(torch.randn(units, units, generator=generator, dtype=torch.float64))
        return spectral_radius * q * r.diagonal().sign()
    kept = reservoir_entries(units, connectivity=connectivity, topology=topology)
    for _ in range(DRAWS):
        weights = torch.randn(units, units, generator=generator, dtype=torch.float64)
        left_out = torch.rand(units**2, generator=generator, dtype=torch.float64).argsort()[kept:]
        weights.view(-1)[left_out] = 0.0
        if weights.is_meta:
            return weights
        radius = _spectral_radius(weights)
        if radius > 0:
            return weights * (spectral_radius / radius)
    raise ValueError(
        f"{units} units with connectivity {connectivity} form no cycle in {DRAWS} draws; raise either of them"
    )


def reservoir_entries(units: int, *, connectivity: float, topology: Topology) -> int:
    """How many entries of a ``reservoir_matrix`` are not zero.

    >>> [reservoir_entries(50, connectivity=0.1, topology=topology) for topology in ("random", "orthogonal", "ring")]
    [250, 2500, 50]
    """
    if topology == "ring":
        return units
    return max(1, round(connectivity * units**2)) if topology == "random" else units**2


def input_matrix(
    units: int,
    inputs: int,
    *,
    connectivity: float,
    distribution: Distribution,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Fixed input weights ``(units, inputs)`` in float32: every input feeds the same number of units, at least one.

    ``uniform``: entries U(-1, 1). ``bernoulli``: 1 or -1, one size with random signs as in Rodan & Tino 2011.

    Raises:
        ValueError: if the distribution is unknown.

    >>> generator = torch.Generator().manual_seed(0)
    >>> weights = input_matrix(100, 2, connectivity=0.03, distribution="bernoulli", generator=generator)
    >>> weights.abs().sum(dim=0)
    tensor([3., 3.])
    """
    choose("distribution", distribution, get_args(Distribution))
    order = torch.rand(units, inputs, generator=generator).argsort(dim=0).argsort(dim=0)
    entries = 2 * torch.rand(units, inputs, generator=generator) - 1
    if distribution == "bernoulli":
        entries = torch.where(entries < 0, -1.0, 1.0)
    return entries * (order < fed_units(units, connectivity))


def fed_units(units: int, connectivity: float) -> int:
    """How many units every input feeds, in an ``input_matrix``."""
    return max(1, round(connectivity * units))


def _spectral_radius(matrix: Tensor) -> float:
    """Exact, at about 25 units^3 operations; of a matrix without a cycle exactly 0, as LAPACK makes it triangular."""
    return float(torch.linalg.eigvals(matrix).abs().max())
