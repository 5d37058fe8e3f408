"""The gates of the GRU whose reset gate acts after the product.

    r, z = sigmoid(x_r + u_r), sigmoid(x_z + u_z)
    n = tanh(x_n + r * u_n)
    h' = n + z * (h - n)

with x = W x_t + b, u = U h_{t-1} + b_u in the order r, z, n; there is no memory beside h.
"""

from typing import Any, NamedTuple

from torch import Tensor

from statewise.ops.gates.parts import copy, mix, mix_back, open_gate, reset_back, scale, squash
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
        """``step`` of one row; keeps r, z, n and u_n. u is room for r * u_n."""
        open_gate(x[0], u[0], saved[0])
        open_gate(x[1], u[1], saved[1])
        copy(u[2], saved[3])
        scale(saved[0], saved[3], u[2])
        squash(x[2], u[2], saved[2])
        mix(saved[1], h, saved[2], h_next)

    @staticmethod
    def retreat(
        gates: Any, dh: Array, dm: Array, saved: Array, h: Array, m: Array, dx: Array, du: Array, dg: Any
    ) -> None:
        """From the cotangent of h' to those of x, u and h, the last in place."""
        mix_back(saved[1], h, saved[2], dh, dx[1], dx[2])
        reset_back(dx[2], saved[0], saved[3], dx[0], du[2])
        for gate in range(2):
            copy(dx[gate], du[gate])
