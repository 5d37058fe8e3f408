"""The gates of the RNN, which has none: a nonlinearity alone.

    h' = f(x + u)

with x = W x_t + b, u = U h_{t-1}; there is no memory beside h.
"""

from typing import Any, NamedTuple

from torch import Tensor

from statewise.ops.compiled.elementary import tanh
from statewise.ops.gates.sizes import Sizes

Array = Any
SIZES = Sizes(products=1, memory=0, saved=1, sums=True)


class TanhGates(NamedTuple):
    """f = tanh. They have no weights of their own."""

    @staticmethod
    def sizes() -> Sizes:
        return SIZES

    def step(self, x: Tensor, u: Tensor, h: Tensor, m: Tensor) -> tuple[Tensor, Tensor]:
        """h' from ``x`` and ``u (B, 1, H)``; the memory ``m (B, 0, H)`` is empty."""
        return (x + u).squeeze(1).tanh(), m

    @staticmethod
    def advance(gates: Any, x: Array, u: Array, h: Array, m: Array, h_next: Array, m_next: Array, saved: Array) -> None:
        """``step`` of one row; keeps h'."""
        for j in range(h.shape[0]):
            saved[0, j] = tanh(x[0, j] + u[0, j])
        for j in range(h.shape[0]):
            h_next[j] = saved[0, j]

    @staticmethod
    def retreat(
        gates: Any, dh: Array, dm: Array, saved: Array, h: Array, m: Array, dx: Array, du: Array, dg: Any
    ) -> None:
        """From the cotangent of h' to that of x + u; h itself goes through the product alone."""
        one = saved.dtype.type(1)
        for j in range(dh.shape[0]):
            du[0, j] = dh[j] * (one - saved[0, j] * saved[0, j])
            dh[j] = 0


class ReluGates(NamedTuple):
    """f = max(0, .). They have no weights of their own."""

    @staticmethod
    def sizes() -> Sizes:
        return SIZES

    def step(self, x: Tensor, u: Tensor, h: Tensor, m: Tensor) -> tuple[Tensor, Tensor]:
        """h' from ``x`` and ``u (B, 1, H)``; the memory ``m (B, 0, H)`` is empty."""
        return (x + u).squeeze(1).relu(), m

    @staticmethod
    def advance(gates: Any, x: Array, u: Array, h: Array, m: Array, h_next: Array, m_next: Array, saved: Array) -> None:
        """``step`` of one row; keeps h'. NaN stays NaN."""
        zero = saved.dtype.type(0)
        for j in range(h.shape[0]):
            a = x[0, j] + u[0, j]
            saved[0, j] = zero if a < zero else a
        for j in range(h.shape[0]):
            h_next[j] = saved[0, j]

    @staticmethod
    def retreat(
        gates: Any, dh: Array, dm: Array, saved: Array, h: Array, m: Array, dx: Array, du: Array, dg: Any
    ) -> None:
        """From the cotangent of h' to that of x + u; h itself goes through the product alone."""
        zero = saved.dtype.type(0)
        for j in range(dh.shape[0]):
            du[0, j] = dh[j] if saved[0, j] > zero else zero
            dh[j] = 0
