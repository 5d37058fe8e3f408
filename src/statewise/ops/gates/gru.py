"""The gates of the GRU whose reset gate acts after the product.

    r, z = sigmoid(x_r + u_r), sigmoid(x_z + u_z)
    n = tanh(x_n + r * u_n)
    h' = n + z * (h - n)

with x = W x_t + b, u = U h_{t-1} + b_u in the order r, z, n; there is no memory beside h.
"""

from typing import Any, NamedTuple

from torch import Tensor

from statewise.ops.compiled.elementary import sigmoid, tanh
from statewise.ops.gates.sizes import Sizes

Array = Any


class GRUGates(NamedTuple):
    """They have no weights of their own."""

    @staticmethod
    def sizes() -> Sizes:
        return Sizes(products=3, memory=0, saved=4, sums=False)

    def step(self, x: Tensor, u: Tensor, h: Tensor, m: Tensor) -> tuple[Tensor, Tensor]:
        """h' from ``x``, ``u (B, 3, H)`` and ``h (B, H)``; the memory ``m (B, 0, H)`` is empty."""
        r, z = (x[:, :2] + u[:, :2]).sigmoid().unbind(1)
        n = (x[:, 2] + r * u[:, 2]).tanh()
        return n + z * (h - n), m

    @staticmethod
    def advance(gates: Any, x: Array, u: Array, h: Array, m: Array, h_next: Array, m_next: Array, saved: Array) -> None:
        """``step`` of one row; keeps r, z, n and u_n."""
        for j in range(h.shape[0]):
            saved[0, j] = sigmoid(x[0, j] + u[0, j])
        for j in range(h.shape[0]):
            saved[1, j] = sigmoid(x[1, j] + u[1, j])
        for j in range(h.shape[0]):
            saved[3, j] = u[2, j]
        for j in range(h.shape[0]):
            saved[2, j] = tanh(x[2, j] + saved[0, j] * saved[3, j])
        for j in range(h.shape[0]):
            h_next[j] = saved[2, j] + saved[1, j] * (h[j] - saved[2, j])

    @staticmethod
    def retreat(
        gates: Any, dh: Array, dm: Array, saved: Array, h: Array, m: Array, dx: Array, du: Array, dg: Any
    ) -> None:
        """From the cotangent of h' to those of x, u and h, the last in place."""
        one = saved.dtype.type(1)
        for j in range(dh.shape[0]):
            z, n = saved[1, j], saved[2, j]
            dx[2, j] = dh[j] * (one - z) * (one - n * n)
            dx[1, j] = dh[j] * (h[j] - n) * z * (one - z)
            dh[j] *= z
        for j in range(dh.shape[0]):
            r = saved[0, j]
            du[2, j] = dx[2, j] * r
            dx[0, j] = dx[2, j] * saved[3, j] * r * (one - r)
        for j in range(dh.shape[0]):
            du[0, j] = dx[0, j]
            du[1, j] = dx[1, j]
