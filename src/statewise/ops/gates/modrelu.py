"""The nonlinearity of unitary and orthogonal RNNs.

    h' = sign(a) max(0, |a| + b),    a = x + u

with x = W x_t + b_W, u = U h_{t-1} and a bias b a unit (Arjovsky, Shah & Bengio 2016, eq. 8, for real numbers).
"""

from typing import Any, NamedTuple

from torch import Tensor

from statewise.ops.gates.sizes import Sizes

Array = Any


class ModReLUGates(NamedTuple):
    """What shifts the size of a number, whose sign it keeps."""

    bias: Tensor
    """b ``(H,)``"""

    @staticmethod
    def sizes() -> Sizes:
        return Sizes(products=1, memory=0, saved=2, sums=True, own=("H",))

    def step(self, x: Tensor, u: Tensor, h: Tensor, m: Tensor) -> tuple[Tensor, Tensor]:
        """h' from ``x`` and ``u (B, 1, H)``; the memory ``m (B, 0, H)`` is empty."""
        a = (x + u).squeeze(1)
        return a.sign() * (a.abs() + self.bias).relu(), m

    @staticmethod
    def advance(gates: Any, x: Array, u: Array, h: Array, m: Array, h_next: Array, m_next: Array, saved: Array) -> None:
        """``step`` of one row; keeps sign(a), 0 where h' is, and h'. NaN stays NaN."""
        zero, one = saved.dtype.type(0), saved.dtype.type(1)
        for j in range(h.shape[0]):
            a = x[0, j] + u[0, j]
            size = abs(a) + gates.bias[j]
            sign = one if a > zero else -one
            saved[0, j] = zero if size <= zero or a == zero else sign
            saved[1, j] = zero if size <= zero or a == zero else sign * size
        for j in range(h.shape[0]):
            h_next[j] = saved[1, j]

    @staticmethod
    def retreat(
        gates: Any, dh: Array, dm: Array, saved: Array, h: Array, m: Array, dx: Array, du: Array, dg: Any
    ) -> None:
        """From the cotangent of h' to those of a and of the bias; h itself goes through the product alone."""
        for j in range(dh.shape[0]):
            dg.bias[j] += dh[j] * saved[0, j]
        for j in range(dh.shape[0]):
            du[0, j] = dh[j] * saved[0, j] * saved[0, j]
            dh[j] = 0
