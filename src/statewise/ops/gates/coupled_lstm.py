"""The gates of the LSTM that writes as much as it forgets.

    f, g, o = sigmoid(a_f), tanh(a_g), sigmoid(a_o),    a = x + u
    c' = g + f * (c - g)
    h' = o * tanh(c')

with x = W x_t + b, u = U h_{t-1} in the order f, g, o, and c the memory beside h.
"""

from typing import Any, NamedTuple

from torch import Tensor

from statewise.ops.compiled.elementary import sigmoid, tanh
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
        for j in range(h.shape[0]):
            saved[0, j] = sigmoid(x[0, j] + u[0, j])
        for j in range(h.shape[0]):
            saved[1, j] = tanh(x[1, j] + u[1, j])
        for j in range(h.shape[0]):
            saved[2, j] = sigmoid(x[2, j] + u[2, j])
        for j in range(h.shape[0]):
            m_next[0, j] = saved[1, j] + saved[0, j] * (m[0, j] - saved[1, j])
        for j in range(h.shape[0]):
            saved[3, j] = tanh(m_next[0, j])
        for j in range(h.shape[0]):
            h_next[j] = saved[2, j] * saved[3, j]

    @staticmethod
    def retreat(
        gates: Any, dh: Array, dm: Array, saved: Array, h: Array, m: Array, dx: Array, du: Array, dg: Any
    ) -> None:
        """From cotangents of h' and c' to those of a (x and u alike), h and c, the last two in place."""
        one = saved.dtype.type(1)
        for j in range(dh.shape[0]):
            o, t = saved[2, j], saved[3, j]
            du[2, j] = dh[j] * t * o * (one - o)
            dm[0, j] += dh[j] * o * (one - t * t)
        for j in range(dh.shape[0]):
            f, g = saved[0, j], saved[1, j]
            du[0, j] = dm[0, j] * (m[0, j] - g) * f * (one - f)
            du[1, j] = dm[0, j] * (one - f) * (one - g * g)
        for j in range(dh.shape[0]):
            dm[0, j] *= saved[0, j]
            dh[j] = 0
