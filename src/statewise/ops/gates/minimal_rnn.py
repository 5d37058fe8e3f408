"""The gate of the minimalRNN.

    k = sigmoid(x_k + u)
    h' = z + k * (h - z)

with z = tanh(W x_t + b) and x_k = V z + b_k, neither of which looks at the state, in the order z, x_k, and
u = U h_{t-1}; there is no memory beside h.
"""

from typing import Any, NamedTuple

from torch import Tensor

from statewise.ops.compiled.elementary import sigmoid
from statewise.ops.gates.sizes import Sizes

Array = Any


class MinimalRNNGates(NamedTuple):
    """They have no weights of their own."""

    @staticmethod
    def sizes() -> Sizes:
        return Sizes(products=1, memory=0, saved=2, sums=False, beside=1)

    def step(self, x: Tensor, u: Tensor, h: Tensor, m: Tensor) -> tuple[Tensor, Tensor]:
        """h' from ``x (B, 2, H)``, ``u (B, 1, H)`` and ``h (B, H)``; the memory ``m (B, 0, H)`` is empty."""
        z = x[:, 0]
        return z + (x[:, 1] + u[:, 0]).sigmoid() * (h - z), m

    @staticmethod
    def advance(gates: Any, x: Array, u: Array, h: Array, m: Array, h_next: Array, m_next: Array, saved: Array) -> None:
        """``step`` of one row; keeps k and h - z."""
        for j in range(h.shape[0]):
            saved[0, j] = sigmoid(x[1, j] + u[0, j])
        for j in range(h.shape[0]):
            saved[1, j] = h[j] - x[0, j]
        for j in range(h.shape[0]):
            h_next[j] = x[0, j] + saved[0, j] * saved[1, j]

    @staticmethod
    def retreat(
        gates: Any, dh: Array, dm: Array, saved: Array, h: Array, m: Array, dx: Array, du: Array, dg: Any
    ) -> None:
        """From the cotangent of h' to those of x, u and h, the last in place."""
        one = saved.dtype.type(1)
        for j in range(dh.shape[0]):
            k = saved[0, j]
            du[0, j] = dh[j] * saved[1, j] * k * (one - k)
            dx[0, j] = dh[j] * (one - k)
        for j in range(dh.shape[0]):
            dx[1, j] = du[0, j]
            dh[j] *= saved[0, j]
