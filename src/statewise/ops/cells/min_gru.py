"""The cell of the minGRU.

    z = sigmoid(x_z)
    c' = (1 - z) * c + z * x_c

with x in the order z, c; it has no weights, and its output is its state.
"""

from typing import Any, NamedTuple

from torch import Tensor

from statewise.ops.cells.form import Form
from statewise.ops.compiled.elementary import sigmoid

Array = Any


class MinGRUCell(NamedTuple):
    """It is linear in its state."""

    @staticmethod
    def form() -> Form:
        return Form(inputs=2, reads=False, linear=True)

    def step(self, x: Tensor, skip: Tensor, w: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """Output and state from ``x (B, 2, D)`` and ``c (B, D)``."""
        z = x[:, 0].sigmoid()
        c = (1 - z) * c + z * x[:, 1]
        return c, c

    def coefficients(self, x: Tensor, skip: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
        """a and b of c' = a c + b, from ``x (B, T, 2, D)``."""
        z, new = x[:, :, 0].sigmoid(), x[:, :, 1]
        return 1 - z, z * new

    @staticmethod
    def advance(cell: Any, x: Array, skip: Array, w: Array, c: Array, c_next: Array, y: Array) -> None:
        """``step`` of one row."""
        one = x.dtype.type(1)
        for j in range(c.shape[0]):
            z = sigmoid(x[0, j])
            c_next[j] = (one - z) * c[j] + z * x[1, j]

    @staticmethod
    def retreat(
        cell: Any, dy: Array, x: Array, skip: Array, w: Array, c: Array, c_next: Array,
        dc: Array, dx: Array, dskip: Array, dw: Array,
    ) -> None:  # fmt: skip
        """From the cotangents of y and c' to those of x and c."""
        one = x.dtype.type(1)
        for j in range(c.shape[0]):
            z = sigmoid(x[0, j])
            d = dc[j] + dy[j]
            new = d * z
            dx[0, j] = new * (one - z) * (x[1, j] - c[j])
            dx[1, j] = new
            dc[j] = d - new
