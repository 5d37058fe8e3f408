"""One step of a layer as a function of a state's parts, s -> f(x, s), and its Jacobian."""

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor
from torch.func import vjp, vmap

from statewise.contract import SequenceLayer
from statewise.parallel.vectors import Parts, StateVectors

Structure = Literal["diagonal", "pairs", "full"]
"""What stands on a Jacobian's diagonal: single numbers, blocks of two numbers in a row, or all of it"""
AT_ONCE = 16
"""Rows of a Jacobian computed together: more of them take more memory and hardly less time"""


class Transition:
    """f of a layer, on R rows that may be any steps of any sequences, as a layer's rows know nothing of each other.

    Its Jacobian is taken as blocks on the diagonal, of so many numbers in a row each: 1 where it is diagonal, 2 where
    states are pairs, as those of complex numbers are, n where it is full.
    """

    def __init__(
        self, layer: SequenceLayer, vectors: StateVectors, *, block: int, clocks: Tensor | None = None
    ) -> None:
        self.layer = layer
        self.vectors = vectors
        self.block = block
        self.clocks = clocks
        """``(n,)`` bool, the numbers of a state that are known to be clocks: see ``find_clocks``"""

    @property
    def structure(self) -> Structure:
        """The blocks in words."""
        if self.block == 1:
            return "diagonal"
        return "full" if self.block == self.vectors.width else "pairs"

    def __call__(self, x: Any, s: Parts) -> Parts:
        """f(x, s) of R single inputs and as many states."""
        _, after = self.layer.step(x, self.vectors.state(s))
        return self.vectors.parts(after)

    def linearised(self, x: Any, s: Parts) -> tuple[Parts, Tensor]:
        """f(x, s) and the blocks of df/ds ``(R, n / block, block, block)``, of the part that has derivatives."""
        values, pull_back = self._reversible(x, s)
        if self.block == 1:
            return values, pull_back(torch.ones_like(s.real)).view(*s.real.shape, 1, 1)
        rows = vmap(lambda v: pull_back(v.expand_as(s.real)), chunk_size=AT_ONCE)(self._basis(s.real, self.block))
        return values, rows.unflatten(2, (-1, self.block)).movedim(0, 2)

    def has_blocks(self, x: Any, s: Parts, size: int) -> Tensor:
        """Whether D = df/ds has none but blocks of this size, at each of R states, from its products with vectors.

        One vector for each number in a block, 1 there in all blocks at once, has to come back as if every block was
        alone. So what comes back changes its sign with the block: bit k of a block's number makes the signs of the k-th
        trial, and any two blocks differ in one of them. Only numbers that cancel exactly would hide.
        """
        _, pull_back = self._reversible(x, s)
        blocks = torch.arange(s.real.shape[1], device=s.real.device) // size
        found = s.real.new_ones(len(s.real), dtype=torch.bool)
        for v in self._basis(s.real, size):
            alone = pull_back(v.expand_as(s.real))
            for bit in range(int(blocks[-1]).bit_length()):
                signs = (1 - 2 * ((blocks >> bit) & 1)).to(v.dtype)
                found &= (pull_back((v * signs).expand_as(s.real)) == signs * alone).all(dim=1)
        return found

    def find_clocks(self, x: Any, s: Parts) -> Tensor:
        """Which numbers of a state, ``(n,)`` bool, are clocks at all of these states: ds'_i / ds is 1 in i, else 0.

        A clock adds up what it is fed and hears of nothing else. Only leaves of one number a row are looked at.
        """
        _, pull_back = self._reversible(x, s)
        found = torch.zeros(self.vectors.width, dtype=torch.bool, device=s.real.device)
        for number in self.vectors.single:
            unit = torch.zeros_like(s.real)
            unit[:, number] = 1
            found[number] = torch.equal(pull_back(unit), unit)
        return found

    def _basis(self, s: Tensor, size: int) -> Tensor:
        """``(size, n)``: 1 at the i-th number of every block, else 0."""
        return torch.eye(size, dtype=s.dtype, device=s.device).repeat(1, s.shape[1] // size)

    def _reversible(self, x: Any, s: Parts) -> tuple[Parts, Callable[[Tensor], Tensor]]:
        """f(x, s) and v -> v df/ds, of every row its own v."""

        def f(real: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
            after = self(x, Parts(real, s.whole))
            return after.real, after.whole

        values, pull_back, *rest = vjp(f, s.real, has_aux=True)
        return Parts(values, *rest), lambda v: pull_back(v)[0]
