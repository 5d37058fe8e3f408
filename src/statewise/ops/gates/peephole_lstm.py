"""The gates of the LSTM that look at the memory.

    i, f = sigmoid(a_i + p_i * c), sigmoid(a_f + p_f * c),    a = x + u
    c' = f * c + i * tanh(a_g)
    o = sigmoid(a_o + p_o * c')
    h' = o * tanh(c')

with x = W x_t + b, u = U h_{t-1} in the order i, f, g, o, and c the memory beside h.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from statewise.ops.compiled.elementary import sigmoid, tanh
from statewise.ops.gates.sizes import Sizes

Array = Any


class PeepholeLSTMGates(NamedTuple):
    """What of the memory each gate sees."""

    peepholes: Tensor
    """p_i, p_f and p_o ``(3, H)``"""

    @staticmethod
    def sizes() -> Sizes:
        return Sizes(products=4, memory=1, saved=6, sums=True)

    def step(self, x: Tensor, u: Tensor, h: Tensor, m: Tensor) -> tuple[Tensor, Tensor]:
        """h' and the memory from ``x``, ``u (B, 4, H)``, ``h (B, H)`` and ``m (B, 1, H)``."""
        a = x + u
        i, f = (a[:, :2] + self.peepholes[:2] * m).sigmoid().unbind(1)
        c = f * m[:, 0] + i * a[:, 2].tanh()
        o = torch.sigmoid(a[:, 3] + self.peepholes[2] * c)
        return o * c.tanh(), c.unsqueeze(1)

    @staticmethod
    def advance(gates: Any, x: Array, u: Array, h: Array, m: Array, h_next: Array, m_next: Array, saved: Array) -> None:
        """``step`` of one row; keeps i, f, g, o, tanh(c') and c'."""
        for j in range(h.shape[0]):
            saved[0, j] = sigmoid(x[0, j] + u[0, j] + gates.peepholes[0, j] * m[0, j])
        for j in range(h.shape[0]):
            saved[1, j] = sigmoid(x[1, j] + u[1, j] + gates.peepholes[1, j] * m[0, j])
        for j in range(h.shape[0]):
            saved[2, j] = tanh(x[2, j] + u[2, j])
        for j in range(h.shape[0]):
            saved[5, j] = saved[1, j] * m[0, j] + saved[0, j] * saved[2, j]
        for j in range(h.shape[0]):
            saved[3, j] = sigmoid(x[3, j] + u[3, j] + gates.peepholes[2, j] * saved[5, j])
        for j in range(h.shape[0]):
            saved[4, j] = tanh(saved[5, j])
        for j in range(h.shape[0]):
            m_next[0, j] = saved[5, j]
        for j in range(h.shape[0]):
            h_next[j] = saved[3, j] * saved[4, j]

    @staticmethod
    def retreat(
        gates: Any, dh: Array, dm: Array, saved: Array, h: Array, m: Array, dx: Array, du: Array, dg: Any
    ) -> None:
        """From cotangents of h' and c' to those of a (x and u alike), h, c and the peepholes."""
        one = saved.dtype.type(1)
        for j in range(dh.shape[0]):
            o, t = saved[3, j], saved[4, j]
            da = dh[j] * t * o * (one - o)
            du[3, j] = da
            dm[0, j] += dh[j] * o * (one - t * t) + da * gates.peepholes[2, j]
        for j in range(dh.shape[0]):
            i, g = saved[0, j], saved[2, j]
            du[0, j] = dm[0, j] * g * i * (one - i)
            du[2, j] = dm[0, j] * i * (one - g * g)
        for j in range(dh.shape[0]):
            f = saved[1, j]
            du[1, j] = dm[0, j] * m[0, j] * f * (one - f)
        for j in range(dh.shape[0]):
            dm[0, j] = dm[0, j] * saved[1, j] + du[0, j] * gates.peepholes[0, j] + du[1, j] * gates.peepholes[1, j]
            dh[j] = 0
        for j in range(dh.shape[0]):
            dg.peepholes[0, j] += du[0, j] * m[0, j]
            dg.peepholes[1, j] += du[1, j] * m[0, j]
        for j in range(dh.shape[0]):
            dg.peepholes[2, j] += du[3, j] * saved[5, j]
