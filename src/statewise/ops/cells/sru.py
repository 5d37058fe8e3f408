"""The cell of the SRU, whose gates see the state before, each number its own.

    f = sigmoid(x_f + w_f * c)
    c' = f * c + (1 - f) * x_c
    r = sigmoid(x_r + w_r * c)
    y = r * c' + (1 - r) * s

with x in the order c, f, r, weights in the order f, r, and s what passes by.
"""

from typing import Any, NamedTuple

from torch import Tensor

from statewise.ops.cells.form import Form
from statewise.ops.compiled.elementary import sigmoid

Array = Any


class SRUCell(NamedTuple):
    """It is not linear in its state."""

    @staticmethod
    def form() -> Form:
        return Form(inputs=3, reads=True, linear=False, weights=2, skips=True)

    def step(self, x: Tensor, skip: Tensor, w: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """Output and state from ``x (B, 3, D)``, ``skip (B, D)``, ``w (2, D)`` and ``c (B, D)``."""
        f, r = (x[:, 1:] + w * c.unsqueeze(1)).sigmoid().unbind(1)
        c = f * c + (1 - f) * x[:, 0]
        return r * c + (1 - r) * skip, c

    @staticmethod
    def advance(cell: Any, x: Array, skip: Array, w: Array, c: Array, c_next: Array, y: Array) -> None:
        """``step`` of one row."""
        one = x.dtype.type(1)
        for j in range(c.shape[0]):
            f = sigmoid(x[1, j] + w[0, j] * c[j])
            c_next[j] = f * c[j] + (one - f) * x[0, j]
        for j in range(c.shape[0]):
            r = sigmoid(x[2, j] + w[1, j] * c[j])
            y[j] = r * c_next[j] + (one - r) * skip[j]

    @staticmethod
    def retreat(
        cell: Any, dy: Array, x: Array, skip: Array, w: Array, c: Array, c_next: Array,
        dc: Array, dx: Array, dskip: Array, dw: Array,
    ) -> None:  # fmt: skip
        """From the cotangents of y and c' to those of x, skip, w and c."""
        one = x.dtype.type(1)
        for j in range(c.shape[0]):
            r = sigmoid(x[2, j] + w[1, j] * c[j])
            read = dy[j] * r
            dskip[j] = dy[j] - read
            dx[2, j] = read * (one - r) * (c_next[j] - skip[j])
            dc[j] += read
        for j in range(c.shape[0]):
            f = sigmoid(x[1, j] + w[0, j] * c[j])
            kept = dc[j] * f
            dx[0, j] = dc[j] - kept
            dx[1, j] = kept * (one - f) * (c[j] - x[0, j])
            dc[j] = kept + dx[1, j] * w[0, j] + dx[2, j] * w[1, j]
        for j in range(c.shape[0]):
            dw[0, j] += dx[1, j] * c[j]
            dw[1, j] += dx[2, j] * c[j]
