"""A state as one vector of real numbers a row, and whole numbers beside."""

from math import prod
from typing import NamedTuple

import torch
from torch import Tensor

from statewise import tree
from statewise.tree import State


class Parts(NamedTuple):
    """The states of some rows, the part with derivatives and the part without; itself a pytree."""

    real: Tensor
    """(R, n)"""
    whole: tuple[Tensor, ...]
    """leaves (R, ...) of whole numbers and of truth values, as they are"""


class StateVectors:
    """States there and back: real leaves ``(R, ...)`` as ``(R, n)``, a complex number as two, whole numbers beside.

    Raises:
        ValueError: if the state holds no real numbers.

    >>> vectors = StateVectors((torch.zeros(1, 2), torch.zeros(1, 1, dtype=torch.complex64)))
    >>> vectors.parts((torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0 + 4.0j]]))).real
    tensor([[1., 2., 3., 4.]])
    """

    def __init__(self, example: State) -> None:
        self._example = tree.map(lambda leaf: leaf[:0].detach(), example)
        leaves = [leaf for leaf in tree.leaves(self._example) if _is_real(leaf)]
        self._sizes = [prod(leaf.shape[1:]) * (2 if leaf.is_complex() else 1) for leaf in leaves]
        self.width = sum(self._sizes)
        if not self.width:
            raise ValueError("its state holds no real numbers")
        dtypes = [leaf.dtype.to_real() for leaf in leaves]
        self.dtype = dtypes[0]
        for dtype in dtypes:
            self.dtype = torch.promote_types(self.dtype, dtype)
        self.epsilon = max(torch.finfo(dtype).eps for dtype in dtypes)
        """of the coarsest leaf: no step says anything more precisely"""

    def parts(self, state: State) -> Parts:
        """A state of R rows in its parts."""
        real, whole = [], []
        for leaf in tree.leaves(state):
            if _is_real(leaf):
                numbers = torch.view_as_real(leaf) if leaf.is_complex() else leaf
                real.append(numbers.reshape(len(leaf), -1).to(self.dtype))
            else:
                whole.append(leaf)
        return Parts(torch.cat(real, dim=1), tuple(whole))

    def state(self, parts: Parts) -> State:
        """The state of R rows that is in these parts."""
        pieces, whole = iter(parts.real.split(self._sizes, dim=1)), iter(parts.whole)
        return tree.map(lambda leaf: _shaped(next(pieces), leaf) if _is_real(leaf) else next(whole), self._example)

    def relative(self, difference: Tensor, values: Tensor) -> Tensor:
        """``(R,)``: the largest of differences ``(R, T, n)`` against the largest value of the same leaf."""
        tiny, found = torch.finfo(values.dtype).tiny, []
        for off, leaf in zip(difference.split(self._sizes, -1), values.split(self._sizes, -1), strict=True):
            if leaf.shape[-1]:
                found.append(off.abs().amax(dim=(1, 2)) / leaf.abs().amax(dim=(1, 2)).clamp_min(tiny))
        return torch.stack(found).amax(dim=0)

    @property
    def single(self) -> list[int]:
        """Where leaves of one number a row stand in the vector."""
        starts = [sum(self._sizes[:number]) for number in range(len(self._sizes))]
        return [start for start, size in zip(starts, self._sizes, strict=True) if size == 1]


def _is_real(leaf: Tensor) -> bool:
    return leaf.is_floating_point() or leaf.is_complex()


def _shaped(piece: Tensor, leaf: Tensor) -> Tensor:
    if leaf.is_complex():
        real, imaginary = piece.to(leaf.dtype.to_real()).unflatten(1, (*leaf.shape[1:], 2)).unbind(-1)
        return torch.complex(real, imaginary)
    return piece.reshape(piece.shape[0], *leaf.shape[1:]).to(leaf.dtype)
