"""The gates of the LSTM some of whose candidates are not written.

    i, f, g, o = sigmoid(a_i), sigmoid(a_f), tanh(a_g), sigmoid(a_o),    a = x + u
    c' = f * c + i * e * g
    h' = o * tanh(c')

with x = W x_t + b, u = U h_{t-1} in the order i, f, g, o, the mask e as a fifth vector of x, and c the memory beside h.
"""

from typing import Any, NamedTuple

from torch import Tensor

from statewise.ops.compiled.elementary import sigmoid, tanh
from statewise.ops.gates.sizes import Sizes

Array = Any


class DroppedLSTMGates(NamedTuple):
    """They have no weights of their own."""

    @staticmethod
    def sizes() -> Sizes:
        return Sizes(products=4, memory=1, saved=6, sums=False)

    def step(self, x: Tensor, u: Tensor, h: Tensor, m: Tensor) -> tuple[Tensor, Tensor]:
        """h' and the memory from ``x (B, 5, H)``, ``u (B, 4, H)``, ``h (B, H)`` and ``m (B, 1, H)``."""
        i, f, g, o = (x[:, :4] + u).unbind(1)
        c = f.sigmoid() * m[:, 0] + i.sigmoid() * x[:, 4] * g.tanh()
        return o.sigmoid() * c.tanh(), c.unsqueeze(1)

    @staticmethod
    def advance(gates: Any, x: Array, u: Array, h: Array, m: Array, h_next: Array, m_next: Array, saved: Array) -> None:
        """``step`` of one row; keeps i, f, g, o, tanh(c') and e."""
        for j in range(h.shape[0]):
            saved[0, j] = sigmoid(x[0, j] + u[0, j])
        for j in range(h.shape[0]):
            saved[1, j] = sigmoid(x[1, j] + u[1, j])
        for j in range(h.shape[0]):
            saved[2, j] = tanh(x[2, j] + u[2, j])
        for j in range(h.shape[0]):
            saved[3, j] = sigmoid(x[3, j] + u[3, j])
        for j in range(h.shape[0]):
            saved[5, j] = x[4, j]
        for j in range(h.shape[0]):
            m_next[0, j] = saved[1, j] * m[0, j] + saved[0, j] * saved[5, j] * saved[2, j]
        for j in range(h.shape[0]):
            saved[4, j] = tanh(m_next[0, j])
        for j in range(h.shape[0]):
            h_next[j] = saved[3, j] * saved[4, j]

    @staticmethod
    def retreat(
        gates: Any, dh: Array, dm: Array, saved: Array, h: Array, m: Array, dx: Array, du: Array, dg: Any
    ) -> None:
        """From cotangents of h' and c' to those of x, u, h and c, the last two in place."""
        one = saved.dtype.type(1)
        for j in range(dh.shape[0]):
            o, t = saved[3, j], saved[4, j]
            du[3, j] = dh[j] * t * o * (one - o)
            dm[0, j] += dh[j] * o * (one - t * t)
        for j in range(dh.shape[0]):
            i, g, e = saved[0, j], saved[2, j], saved[5, j]
            du[0, j] = dm[0, j] * e * g * i * (one - i)
            du[2, j] = dm[0, j] * e * i * (one - g * g)
        for j in range(dh.shape[0]):
            dx[4, j] = dm[0, j] * saved[0, j] * saved[2, j]
        for j in range(dh.shape[0]):
            f = saved[1, j]
            du[1, j] = dm[0, j] * m[0, j] * f * (one - f)
            dm[0, j] *= f
            dh[j] = 0
        for r in range(4):
            for j in range(dh.shape[0]):
                dx[r, j] = du[r, j]
