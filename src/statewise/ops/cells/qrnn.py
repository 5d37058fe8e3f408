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


def pool(z: Array, f: Array, c: Array, c_next: Array) -> None:
    """c' = f * c + (1 - f) * z, both before they are squashed."""
    one = c.dtype.type(1)
    for j in range(c.shape[0]):
        keep = sigmoid(f[j])
        c_next[j] = keep * c[j] + (one - keep) * tanh(z[j])


def pool_back(z: Array, f: Array, c: Array, dc: Array, dz: Array, df: Array) -> None:
    """From the cotangent of c', which becomes that of c."""
    one = c.dtype.type(1)
    for j in range(c.shape[0]):
        new, keep = tanh(z[j]), sigmoid(f[j])
        kept = dc[j] * keep
        dz[j] = (dc[j] - kept) * (one - new * new)
        df[j] = kept * (one - keep) * (c[j] - new)
        dc[j] = kept


def pool_input(z: Array, f: Array, i: Array, c: Array, c_next: Array) -> None:
    """c' = f * c + i * z, all three before they are squashed."""
    for j in range(c.shape[0]):
        c_next[j] = sigmoid(f[j]) * c[j] + sigmoid(i[j]) * tanh(z[j])


def pool_input_back(z: Array, f: Array, i: Array, c: Array, dc: Array, dz: Array, df: Array, di: Array) -> None:
    """From the cotangent of c', which becomes that of c."""
    one = c.dtype.type(1)
    for j in range(c.shape[0]):
        new, let_in = tanh(z[j]), sigmoid(i[j])
        written = dc[j] * let_in
        dz[j] = written * (one - new * new)
        di[j] = written * new * (one - let_in)
    for j in range(c.shape[0]):
        keep = sigmoid(f[j])
        kept = dc[j] * keep
        df[j] = kept * (one - keep) * c[j]
        dc[j] = kept


def read_out(o: Array, c: Array, y: Array) -> None:
    """y = o * c', o before it is squashed."""
    for j in range(c.shape[0]):
        y[j] = sigmoid(o[j]) * c[j]


def read_out_back(o: Array, c: Array, dy: Array, dc: Array, do: Array) -> None:
    """From the cotangent of y to that of o, and added to that of c'."""
    one = c.dtype.type(1)
    for j in range(c.shape[0]):
        gate = sigmoid(o[j])
        read = dy[j] * gate
        do[j] = read * (one - gate) * c[j]
        dc[j] += read


PARTS = (pool, pool_back, pool_input, pool_input_back, read_out, read_out_back)
"""Plain Python until a loop is compiled; no two of a function's vectors ``(D,)`` are the same."""


class FPoolCell(NamedTuple):
    """It is linear in its state, which is its output."""

    @staticmethod
    def form() -> Form:
        return Form(inputs=2, reads=False, linear=True)

    def step(self, x: Tensor, skip: Tensor, w: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """Output and state from ``x (B, 2, D)`` and ``c (B, D)``."""
        a, b = self.coefficients(x, skip, w)
        c = a * c + b
        return c, c

    @staticmethod
    def coefficients(x: Tensor, skip: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
        """a and b of c' = a c + b, from ``x (..., 2, D)``."""
        f = x[..., 1, :].sigmoid()
        return f, (1 - f) * x[..., 0, :].tanh()

    @staticmethod
    def advance(cell: Any, x: Array, skip: Array, w: Array, c: Array, c_next: Array, y: Array) -> None:
        """``step`` of one row."""
        pool(x[0], x[1], c, c_next)

    @staticmethod
    def retreat(
        cell: Any, dy: Array, x: Array, skip: Array, w: Array, c: Array, c_next: Array,
        dc: Array, dx: Array, dskip: Array, dw: Array,
    ) -> None:  # fmt: skip
        """From the cotangents of y and c' to those of x and c."""
        for j in range(c.shape[0]):
            dc[j] += dy[j]
        pool_back(x[0], x[1], c, dc, dx[0], dx[1])


class FOPoolCell(NamedTuple):
    """It is linear in its state, of which a gate reads its output."""

    @staticmethod
    def form() -> Form:
        return Form(inputs=3, reads=True, linear=True)

    def step(self, x: Tensor, skip: Tensor, w: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """Output and state from ``x (B, 3, D)`` and ``c (B, D)``."""
        a, b = self.coefficients(x, skip, w)
        c = a * c + b
        return self.output(x, c), c

    @staticmethod
    def coefficients(x: Tensor, skip: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
        """a and b of c' = a c + b, from ``x (..., 3, D)``."""
        return FPoolCell.coefficients(x, skip, w)

    @staticmethod
    def output(x: Tensor, c: Tensor) -> Tensor:
        """y from ``x (..., 3, D)`` and the state after the step."""
        return x[..., 2, :].sigmoid() * c

    @staticmethod
    def advance(cell: Any, x: Array, skip: Array, w: Array, c: Array, c_next: Array, y: Array) -> None:
        """``step`` of one row."""
        pool(x[0], x[1], c, c_next)
        read_out(x[2], c_next, y)

    @staticmethod
    def retreat(
        cell: Any, dy: Array, x: Array, skip: Array, w: Array, c: Array, c_next: Array,
        dc: Array, dx: Array, dskip: Array, dw: Array,
    ) -> None:  # fmt: skip
        """From the cotangents of y and c' to those of x and c."""
        read_out_back(x[2], c_next, dy, dc, dx[2])
        pool_back(x[0], x[1], c, dc, dx[0], dx[1])


class IFOPoolCell(NamedTuple):
    """It is linear in its state, of which a gate reads its output."""

    @staticmethod
    def form() -> Form:
        return Form(inputs=4, reads=True, linear=True)

    def step(self, x: Tensor, skip: Tensor, w: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """Output and state from ``x (B, 4, D)`` and ``c (B, D)``."""
        a, b = self.coefficients(x, skip, w)
        c = a * c + b
        return self.output(x, c), c

    @staticmethod
    def coefficients(x: Tensor, skip: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
        """a and b of c' = a c + b, from ``x (..., 4, D)``."""
        return x[..., 1, :].sigmoid(), x[..., 3, :].sigmoid() * x[..., 0, :].tanh()

    @staticmethod
    def output(x: Tensor, c: Tensor) -> Tensor:
        """y from ``x (..., 4, D)`` and the state after the step."""
        return FOPoolCell.output(x, c)

    @staticmethod
    def advance(cell: Any, x: Array, skip: Array, w: Array, c: Array, c_next: Array, y: Array) -> None:
        """``step`` of one row."""
        pool_input(x[0], x[1], x[3], c, c_next)
        read_out(x[2], c_next, y)

    @staticmethod
    def retreat(
        cell: Any, dy: Array, x: Array, skip: Array, w: Array, c: Array, c_next: Array,
        dc: Array, dx: Array, dskip: Array, dw: Array,
    ) -> None:  # fmt: skip
        """From the cotangents of y and c' to those of x and c."""
        read_out_back(x[2], c_next, dy, dc, dx[2])
        pool_input_back(x[0], x[1], x[3], c, dc, dx[0], dx[1], dx[3])
