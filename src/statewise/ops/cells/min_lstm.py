"""The cell of the minLSTM whose two gates add up to one.

    f' = sigmoid(x_f) / (sigmoid(x_f) + sigmoid(x_i)),  i' = 1 - f'
    c' = f' * c + i' * x_c

with x in the order f, i, c; it has no weights, and its output is its state. 1 / f' is 1 + (1 + e^-x_f) / (1 + e^-x_i):
that quotient is worked out without a power of e above 1 in a sum, so that f' is right however far from 0 both are.
"""

from typing import Any, NamedTuple

import torch.nn.functional as F
from torch import Tensor

from statewise.ops.cells.form import Form
from statewise.ops.compiled.elementary import exp

Array = Any


class MinLSTMCell(NamedTuple):
    """It is linear in its state."""

    @staticmethod
    def form() -> Form:
        return Form(inputs=3, reads=False, linear=True)

    def step(self, x: Tensor, skip: Tensor, w: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """Output and state from ``x (B, 3, D)`` and ``c (B, D)``."""
        keep = self.keep(x[:, 0], x[:, 1])
        c = keep * c + (1 - keep) * x[:, 2]
        return c, c

    def coefficients(self, x: Tensor, skip: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
        """a and b of c' = a c + b, from ``x (B, T, 3, D)``."""
        keep = self.keep(x[:, :, 0], x[:, :, 1])
        return keep, (1 - keep) * x[:, :, 2]

    @staticmethod
    def keep(x_f: Tensor, x_i: Tensor) -> Tensor:
        """f'."""
        return (F.softplus(-x_i) - F.softplus(-x_f)).sigmoid()

    @staticmethod
    def advance(cell: Any, x: Array, skip: Array, w: Array, c: Array, c_next: Array, y: Array) -> None:
        """``step`` of one row."""
        zero, one = x.dtype.type(0), x.dtype.type(1)
        for j in range(c.shape[0]):
            below_f, below_i = min(x[0, j], zero), min(x[1, j], zero)
            quotient = (one + exp(-abs(x[0, j]))) / (one + exp(-abs(x[1, j]))) * exp(below_i - below_f)
            keep = one / (one + quotient)
            c_next[j] = keep * c[j] + (one - keep) * x[2, j]

    @staticmethod
    def retreat(
        cell: Any, dy: Array, x: Array, skip: Array, w: Array, c: Array, c_next: Array,
        dc: Array, dx: Array, dskip: Array, dw: Array,
    ) -> None:  # fmt: skip
        """From the cotangents of y and c' to those of x and c."""
        zero, one = x.dtype.type(0), x.dtype.type(1)
        for j in range(c.shape[0]):
            small_f, small_i = exp(-abs(x[0, j])), exp(-abs(x[1, j]))
            below_f, below_i = min(x[0, j], zero), min(x[1, j], zero)
            keep = one / (one + (one + small_f) / (one + small_i) * exp(below_i - below_f))
            d = dc[j] + dy[j]
            dc[j] = d * keep
            dx[2, j] = d - dc[j]
            slope = dx[2, j] * keep * (c[j] - x[2, j])
            dx[0, j] = slope * (small_f if x[0, j] > zero else one) / (one + small_f)
            dx[1, j] = -slope * (small_i if x[1, j] > zero else one) / (one + small_i)
