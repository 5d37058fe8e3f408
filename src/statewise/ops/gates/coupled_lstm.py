"""The gates of the LSTM that writes as much as it forgets.

    f, g, o = sigmoid(a_f), tanh(a_g), sigmoid(a_o),    a = x + u
    c' = g + f * (c - g)
    h' = o * tanh(c')

with x = W x_t + b, u = U h_{t-1} in the order f, g, o, and c the memory beside h.
"""

from typing import Any, NamedTuple

from torch import Tensor

from statewise.ops.gates.parts import mix, mix_back, open_gate, read, read_back, squash
from statewise.ops.gates.sizes import Sizes

Array = Any


class CoupledLSTMGates(NamedTuple):
    """They have no weights of their own."""

    @staticmethod
    def sizes() -> Sizes:
        return Sizes(products=3, memory=1, saved=4, sums=True)

    def step(self, x: Tensor, u: Tensor, h: Tensor, m: Tensor) -> tuple[Tensor, Tensor]:
        """h' and the memory from ``x``, ``u (B, 3, H)``, ``h (B, H)`` and ``m (B, 1, H)``."""
        f, g, o = (x + u).unbind(1)
        g = g.tanh()
        c = g + f.sigmoid() * (m[:, 0] - g)
        return o.sigmoid() * c.tanh(), c.unsqueeze(1)

    @staticmethod
    def advance(gates: Any, x: Array, u: Array, h: Array, m: Array, h_next: Array, m_next: Array, saved: Array) -> None:
        """``step`` of one row; keeps f, g, o and tanh(c')."""
        open_gate(x[0], u[0], saved[0])
        squash(x[1], u[1], saved[1])
        open_gate(x[2], u[2], saved[2])
        mix(saved[0], m[0], saved[1], m_next[0])
        read(saved[2], m_next[0], saved[3], h_next)

    @staticmethod
    def retreat(
        gates: Any, dh: Array, dm: Array, saved: Array, h: Array, m: Array, dx: Array, du: Array, dg: Any
    ) -> None:
        """From cotangents of h' and c' to those of a (x and u alike), h and c, the last two in place."""
        read_back(dh, saved[2], saved[3], du[2], dm[0])
        mix_back(saved[0], m[0], saved[1], dm[0], du[0], du[1])
        dh[:] = 0
