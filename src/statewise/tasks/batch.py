"""One batch of a task. Letters: B rows, T time steps, Q read-out positions."""

from typing import Literal, NamedTuple

import torch
from torch import Tensor

from statewise import tree
from statewise.contract import Input, values_of

Split = Literal["valid", "test"]
"""``valid`` chooses, ``test`` is looked at once."""


class Batch(NamedTuple):
    """One batch. Everything a model may see is ``inputs``; the rest says what is asked of it."""

    inputs: Input
    """(B, T) int64 tokens or (B, T, D) real vectors, or ``Timed`` of either"""
    targets: Tensor
    """(B, Q, ...): what is right at the read-out positions; Q = T where ``positions`` is None"""
    weights: Tensor
    """(B, Q) float: 1 where a position counts, 0 where it does not"""
    starts: Tensor | None = None
    """(B,) bool: rows that begin a new sequence; None = all do. The other rows continue those of the batch before."""
    positions: Tensor | None = None
    """(B, Q) int64: the time steps that are read out; None = all of them"""
    resets: Tensor | None = None
    """(B, T) bool: later time steps at which a row begins a new sequence; None = at none"""
    series: Tensor | None = None
    """(B, Q) int64: of which of the task's several ``series`` each position is; None = there is one"""

    @property
    def values(self) -> Tensor:
        """The inputs without their time stamps."""
        return values_of(self.inputs)

    @property
    def shape(self) -> tuple[int, int]:
        """(B, T)"""
        return self.values.shape[0], self.values.shape[1]

    def rows(self, first: int, last: int) -> "Batch":
        """The rows from ``first`` up to, without, ``last``."""
        return Batch(
            tree.map(lambda leaf: leaf[first:last], self.inputs),
            self.targets[first:last],
            self.weights[first:last],
            None if self.starts is None else self.starts[first:last],
            *(None if part is None else part[first:last] for part in (self.positions, self.resets, self.series)),
        )


def asked_at_the_end(inputs: Tensor, targets: Tensor) -> Batch:
    """A batch of whole sequences of which one thing is asked, at the last step.

    Args:
        inputs: (B, T) or (B, T, D)
        targets: (B, 1, ...)
    """
    rows, steps = inputs.shape[:2]
    return Batch(inputs, targets, torch.ones(rows, 1), positions=torch.full((rows, 1), steps - 1))
