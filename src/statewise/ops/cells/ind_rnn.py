"""The cells of the IndRNN.

    c' = f(x + w * c)

with one vector of x and one of weights; the output is the state.
"""

from typing import Any, NamedTuple

from torch import Tensor

from statewise.ops.cells.form import Form
from statewise.ops.compiled.elementary import tanh

Array = Any


class ReluIndRNNCell(NamedTuple):
    """f = max(0, .)."""

    @staticmethod
    def form() -> Form:
        return Form(inputs=1, reads=False, linear=False, weights=1)

    def step(self, x: Tensor, skip: Tensor, w: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """Output and state from ``x (B, 1, D)``, ``w (1, D)`` and ``c (B, D)``."""
        c = (x[:, 0] + w[0] * c).relu()
        return c, c

    @staticmethod
    def advance(cell: Any, x: Array, skip: Array, w: Array, c: Array, c_next: Array, y: Array) -> None:
        """``step`` of one row. NaN stays NaN."""
        zero = x.dtype.type(0)
        for j in range(c.shape[0]):
            a = x[0, j] + w[0, j] * c[j]
            c_next[j] = zero if a < zero else a

    @staticmethod
    def retreat(
        cell: Any, dy: Array, x: Array, skip: Array, w: Array, c: Array, c_next: Array,
        dc: Array, dx: Array, dskip: Array, dw: Array,
    ) -> None:  # fmt: skip
        """From the cotangents of y and c' to those of x, w and c."""
        zero = x.dtype.type(0)
        for j in range(c.shape[0]):
            da = dc[j] + dy[j] if c_next[j] > zero else zero
            dx[0, j] = da
            dc[j] = da * w[0, j]
        for j in range(c.shape[0]):
            dw[0, j] += dx[0, j] * c[j]


class TanhIndRNNCell(NamedTuple):
    """f = tanh."""

    @staticmethod
    def form() -> Form:
        return Form(inputs=1, reads=False, linear=False, weights=1)

    def step(self, x: Tensor, skip: Tensor, w: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """Output and state from ``x (B, 1, D)``, ``w (1, D)`` and ``c (B, D)``."""
        c = (x[:, 0] + w[0] * c).tanh()
        return c, c

    @staticmethod
    def advance(cell: Any, x: Array, skip: Array, w: Array, c: Array, c_next: Array, y: Array) -> None:
        """``step`` of one row."""
        for j in range(c.shape[0]):
            c_next[j] = tanh(x[0, j] + w[0, j] * c[j])

    @staticmethod
    def retreat(
        cell: Any, dy: Array, x: Array, skip: Array, w: Array, c: Array, c_next: Array,
        dc: Array, dx: Array, dskip: Array, dw: Array,
    ) -> None:  # fmt: skip
        """From the cotangents of y and c' to those of x, w and c."""
        one = x.dtype.type(1)
        for j in range(c.shape[0]):
            da = (dc[j] + dy[j]) * (one - c_next[j] * c_next[j])
            dx[0, j] = da
            dc[j] = da * w[0, j]
        for j in range(c.shape[0]):
            dw[0, j] += dx[0, j] * c[j]
