"""The gates of the LSTM some of whose candidates are not written.

    i, f, g, o = sigmoid(a_i), sigmoid(a_f), tanh(a_g), sigmoid(a_o),    a = x + u
    c' = f * c + s * i * g
    h' = o * tanh(c')

with x = W x_t + b, u = U h_{t-1} in the order i, f, g, o, and c the memory beside h. Where a candidate is not to be
written, x_i is minus infinity, so that its gate is shut; those that are written count s-fold.
"""

from typing import Any, NamedTuple

from torch import Tensor

from statewise.ops.gates.parts import keep_back, open_gate, read, read_back, squash, write, write_back
from statewise.ops.gates.sizes import Sizes

Array = Any


class DroppedLSTMGates(NamedTuple):
    """How much those count that are written."""

    factor: Tensor
    """s ``(1,)``; has no gradient"""

    @staticmethod
    def sizes() -> Sizes:
        return Sizes(products=4, memory=1, saved=5, sums=True, own=("1",))

    def step(self, x: Tensor, u: Tensor, h: Tensor, m: Tensor) -> tuple[Tensor, Tensor]:
        """h' and the memory from ``x``, ``u (B, 4, H)``, ``h (B, H)`` and ``m (B, 1, H)``."""
        i, f, g, o = (x + u).unbind(1)
        c = f.sigmoid() * m[:, 0] + self.factor * i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c.unsqueeze(1)

    @staticmethod
    def advance(gates: Any, x: Array, u: Array, h: Array, m: Array, h_next: Array, m_next: Array, saved: Array) -> None:
        """``step`` of one row; keeps i, f, g, o and tanh(c'). u is room for s * g."""
        open_gate(x[0], u[0], saved[0])
        open_gate(x[1], u[1], saved[1])
        squash(x[2], u[2], saved[2])
        open_gate(x[3], u[3], saved[3])
        factor = gates.factor[0]
        for j in range(h.shape[0]):
            u[2, j] = factor * saved[2, j]
        write(saved[1], m[0], saved[0], u[2], m_next[0])
        read(saved[3], m_next[0], saved[4], h_next)

    @staticmethod
    def retreat(
        gates: Any, dh: Array, dm: Array, saved: Array, h: Array, m: Array, dx: Array, du: Array, dg: Any
    ) -> None:
        """From cotangents of h' and c' to those of a (x and u alike), h and c, the last two in place."""
        read_back(dh, saved[3], saved[4], du[3], dm[0])
        factor = gates.factor[0]
        for j in range(dh.shape[0]):
            du[1, j] = factor * dm[0, j]
        write_back(du[1], saved[0], saved[2], du[0], du[2])
        keep_back(saved[1], m[0], dm[0], du[1])
        dh[:] = 0
