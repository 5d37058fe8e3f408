"""A state as one vector of real numbers a row."""

from math import prod

import torch
from torch import Tensor

from statewise import tree
from statewise.tree import State


def without_vector(state: State) -> str | None:
    """In words, why a state cannot be a vector of real numbers; ``None`` if it can."""
    for path, leaf in tree.named_leaves(state):
        if not (leaf.is_floating_point() or leaf.is_complex()):
            return f"its state holds whole numbers, '{path}' of {leaf.dtype}, which have no derivative"
    return None if any(leaf[:1].numel() for leaf in tree.leaves(state)) else "its state holds no numbers"


class StateVectors:
    """States there and back: a tree of leaves ``(R, ...)`` as ``(R, n)``, a complex number as two real ones.

    >>> vectors = StateVectors((torch.zeros(1, 2), torch.zeros(1, 1, dtype=torch.complex64)))
    >>> vectors.vector((torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0 + 4.0j]])))
    tensor([[1., 2., 3., 4.]])
    """

    def __init__(self, example: State) -> None:
        self._example = tree.map(lambda leaf: leaf[:0].detach(), example)
        leaves = tree.leaves(self._example)
        self._sizes = [prod(leaf.shape[1:]) * (2 if leaf.is_complex() else 1) for leaf in leaves]
        self.width = sum(self._sizes)
        self.dtype = leaves[0].dtype.to_real()
        for leaf in leaves:
            self.dtype = torch.promote_types(self.dtype, leaf.dtype.to_real())

    def vector(self, state: State) -> Tensor:
        """``(R, n)`` of a state of R rows."""
        reals = [torch.view_as_real(leaf) if leaf.is_complex() else leaf for leaf in tree.leaves(state)]
        return torch.cat([real.reshape(len(real), -1).to(self.dtype) for real in reals], dim=1)

    def state(self, vector: Tensor) -> State:
        """The state of R rows that ``vector (R, n)`` stands for."""
        pieces = iter(vector.split(self._sizes, dim=1))
        return tree.map(lambda leaf: _shaped(next(pieces), leaf), self._example)


def _shaped(piece: Tensor, leaf: Tensor) -> Tensor:
    if leaf.is_complex():
        real, imaginary = piece.to(leaf.dtype.to_real()).unflatten(1, (*leaf.shape[1:], 2)).unbind(-1)
        return torch.complex(real, imaginary)
    return piece.reshape(piece.shape[0], *leaf.shape[1:]).to(leaf.dtype)
