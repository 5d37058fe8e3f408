"""One step of a layer as a function of vectors, s -> f(x, s), and its Jacobian."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.func import vjp, vmap

from statewise.contract import SequenceLayer
from statewise.parallel.vectors import StateVectors

AT_ONCE = 16
"""Rows of a Jacobian computed together: more of them take more memory and hardly less time"""


class Transition:
    """f of a layer, on R rows that may be any steps of any sequences, as a layer's rows know nothing of each other."""

    def __init__(self, layer: SequenceLayer, vectors: StateVectors, *, diagonal: bool) -> None:
        self.layer = layer
        self.vectors = vectors
        self.diagonal = diagonal

    def __call__(self, x: Any, s: Tensor) -> Tensor:
        """f(x, s) ``(R, n)`` from R single inputs and ``s (R, n)``."""
        _, after = self.layer.step(x, self.vectors.state(s))
        return self.vectors.vector(after)

    def linearised(self, x: Any, s: Tensor) -> tuple[Tensor, Tensor]:
        """f(x, s) ``(R, n)`` and df/ds ``(R, n, n)``, or of a diagonal one its diagonal ``(R, n)``."""
        values, pull_back = self._reversible(x, s)
        if self.diagonal:
            return values, pull_back(torch.ones_like(s))
        basis = torch.eye(s.shape[1], dtype=s.dtype, device=s.device)
        rows = vmap(lambda v: pull_back(v.expand_as(s)), chunk_size=AT_ONCE)(basis)
        return values, rows.transpose(0, 1)

    def is_diagonal(self, x: Any, s: Tensor) -> Tensor:
        """Whether D = df/ds is diagonal at each of R states, from log2(n) of its products with vectors of signs.

        A diagonal D has v D = v * (1 D). Bit k of the unit's number makes the k-th vector's signs, so any two units
        differ in one of them, and where D is not diagonal, some v D is not v * (1 D), unless numbers cancel exactly.
        """
        _, pull_back = self._reversible(x, s)
        sums = pull_back(torch.ones_like(s))
        units, diagonal = torch.arange(s.shape[1], device=s.device), s.new_ones(len(s), dtype=torch.bool)
        for bit in range((s.shape[1] - 1).bit_length()):
            signs = (1 - 2 * ((units >> bit) & 1)).to(s.dtype).expand_as(s)
            diagonal &= (pull_back(signs) == signs * sums).all(dim=1)
        return diagonal

    def _reversible(self, x: Any, s: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        """f(x, s) and v -> v df/ds, of every row its own v."""
        values, pull_back, *_ = vjp(lambda s: self(x, s), s)
        return values, lambda v: pull_back(v)[0]
