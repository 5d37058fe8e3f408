"""The cells of the quasi-RNN: three ways of pooling over time.

    f     c' = f * c + (1 - f) * z,    y = c'
    fo    c' = f * c + (1 - f) * z,    y = o * c'
    ifo   c' = f * c + i * z,          y = o * c'

with z = tanh(x_z), f, o, i = sigmoid(x_f), sigmoid(x_o), sigmoid(x_i), and x in the order z, f, o, i.
"""

from typing import Any, NamedTuple

from torch import Tensor

from statewise.ops.cells.form import Form
from statewise.ops.compiled.elementary import sigmoid, tanh

Array = Any


class FPoolCell(NamedTuple):
    """It is linear in its state, which is its output."""

    @staticmethod
    def form() -> Form:
        return Form(reads=False, kernel=None)

    def step(self, x: Tensor, skip: Tensor, w: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """Output and state from ``x (B, 2, D)`` and ``c (B, D)``."""
        a, b = self.coefficients(x)
        c = a * c + b
        return c, c

    def coefficients(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """a and b of c' = a c + b, from ``x (..., 2, D)``."""
        f = x[..., 1, :].sigmoid()
        return f, (1 - f) * x[..., 0, :].tanh()

    @staticmethod
    def advance(cell: Any, x: Array, skip: Array, w: Array, c: Array, c_next: Array, y: Array) -> None:
        """``step`` of one row."""
        one = x.dtype.type(1)
        for j in range(c.shape[0]):
            f = sigmoid(x[1, j])
            c_next[j] = f * c[j] + (one - f) * tanh(x[0, j])

    @staticmethod
    def retreat(
        cell: Any, dy: Array, x: Array, skip: Array, w: Array, c: Array, c_next: Array,
        dc: Array, dx: Array, dskip: Array, dw: Array,
    ) -> None:  # fmt: skip
        """From the cotangents of y and c' to those of x and c."""
        one = x.dtype.type(1)
        for j in range(c.shape[0]):
            z, f = tanh(x[0, j]), sigmoid(x[1, j])
            d = dc[j] + dy[j]
            dc[j] = d * f
            dx[0, j] = (d - dc[j]) * (one - z * z)
            dx[1, j] = dc[j] * (one - f) * (c[j] - z)


class FOPoolCell(NamedTuple):
    """It is linear in its state, of which a gate reads its output."""

    @staticmethod
    def form() -> Form:
        return Form(reads=True, kernel=None)

    def step(self, x: Tensor, skip: Tensor, w: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """Output and state from ``x (B, 3, D)`` and ``c (B, D)``."""
        a, b = self.coefficients(x)
        c = a * c + b
        return self.output(x, c), c

    def coefficients(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """a and b of c' = a c + b, from ``x (..., 3, D)``."""
        f = x[..., 1, :].sigmoid()
        return f, (1 - f) * x[..., 0, :].tanh()

    def output(self, x: Tensor, c: Tensor) -> Tensor:
        """y from ``x (..., 3, D)`` and the state after the step."""
        return x[..., 2, :].sigmoid() * c

    @staticmethod
    def advance(cell: Any, x: Array, skip: Array, w: Array, c: Array, c_next: Array, y: Array) -> None:
        """``step`` of one row."""
        one = x.dtype.type(1)
        for j in range(c.shape[0]):
            f = sigmoid(x[1, j])
            c_next[j] = f * c[j] + (one - f) * tanh(x[0, j])
        for j in range(c.shape[0]):
            y[j] = sigmoid(x[2, j]) * c_next[j]

    @staticmethod
    def retreat(
        cell: Any, dy: Array, x: Array, skip: Array, w: Array, c: Array, c_next: Array,
        dc: Array, dx: Array, dskip: Array, dw: Array,
    ) -> None:  # fmt: skip
        """From the cotangents of y and c' to those of x and c."""
        one = x.dtype.type(1)
        for j in range(c.shape[0]):
            o = sigmoid(x[2, j])
            read = dy[j] * o
            dx[2, j] = read * (one - o) * c_next[j]
            dc[j] += read
        for j in range(c.shape[0]):
            z, f = tanh(x[0, j]), sigmoid(x[1, j])
            kept = dc[j] * f
            dx[0, j] = (dc[j] - kept) * (one - z * z)
            dx[1, j] = kept * (one - f) * (c[j] - z)
            dc[j] = kept


class IFOPoolCell(NamedTuple):
    """It is linear in its state, of which a gate reads its output."""

    @staticmethod
    def form() -> Form:
        return Form(reads=True, kernel=None)

    def step(self, x: Tensor, skip: Tensor, w: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """Output and state from ``x (B, 4, D)`` and ``c (B, D)``."""
        a, b = self.coefficients(x)
        c = a * c + b
        return self.output(x, c), c

    def coefficients(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """a and b of c' = a c + b, from ``x (..., 4, D)``."""
        return x[..., 1, :].sigmoid(), x[..., 3, :].sigmoid() * x[..., 0, :].tanh()

    def output(self, x: Tensor, c: Tensor) -> Tensor:
        """y from ``x (..., 4, D)`` and the state after the step."""
        return x[..., 2, :].sigmoid() * c

    @staticmethod
    def advance(cell: Any, x: Array, skip: Array, w: Array, c: Array, c_next: Array, y: Array) -> None:
        """``step`` of one row."""
        for j in range(c.shape[0]):
            c_next[j] = sigmoid(x[1, j]) * c[j] + sigmoid(x[3, j]) * tanh(x[0, j])
        for j in range(c.shape[0]):
            y[j] = sigmoid(x[2, j]) * c_next[j]

    @staticmethod
    def retreat(
        cell: Any, dy: Array, x: Array, skip: Array, w: Array, c: Array, c_next: Array,
        dc: Array, dx: Array, dskip: Array, dw: Array,
    ) -> None:  # fmt: skip
        """From the cotangents of y and c' to those of x and c."""
        one = x.dtype.type(1)
        for j in range(c.shape[0]):
            o = sigmoid(x[2, j])
            read = dy[j] * o
            dx[2, j] = read * (one - o) * c_next[j]
            dc[j] += read
        for j in range(c.shape[0]):
            z, i = tanh(x[0, j]), sigmoid(x[3, j])
            written = dc[j] * i
            dx[0, j] = written * (one - z * z)
            dx[3, j] = written * z * (one - i)
        for j in range(c.shape[0]):
            f = sigmoid(x[1, j])
            kept = dc[j] * f
            dx[1, j] = kept * (one - f) * c[j]
            dc[j] = kept
