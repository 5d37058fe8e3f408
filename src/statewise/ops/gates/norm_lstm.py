"""The gates of the LSTM that are normalised.

    i, f, g, o = sigmoid(a_i), sigmoid(a_f), tanh(a_g), sigmoid(a_o),    a = x + s * N(u)
    c' = f * c + i * g
    h' = o * tanh(s_c * N(c') + b_c)

with x = s_x * N(W x_t) + b, u = U h_{t-1} in the order i, f, g, o, c the memory beside h, and N over all four gates
together, less the mean where it is centred.
"""

from typing import Any, NamedTuple

from torch import Tensor

from statewise.ops.compiled.elementary import sigmoid, tanh
from statewise.ops.compiled.norm import normalise, normalise_back
from statewise.ops.gates.normalised import normalised
from statewise.ops.gates.sizes import Sizes

Array = Any


class NormLSTMGates(NamedTuple):
    """What follows each normalisation."""

    gain: Tensor
    """s ``(4, H)``"""
    memory_gain: Tensor
    """s_c ``(H,)``"""
    memory_bias: Tensor
    """b_c ``(H,)``"""
    centred: Tensor
    """``(1,)``: 1 for layer normalisation, 0 for that by the root mean square; has no gradient"""

    @staticmethod
    def sizes() -> Sizes:
        return Sizes(products=4, memory=1, saved=9, sums=False)

    def step(self, x: Tensor, u: Tensor, h: Tensor, m: Tensor) -> tuple[Tensor, Tensor]:
        """h' and the memory from ``x``, ``u (B, 4, H)``, ``h (B, H)`` and ``m (B, 1, H)``."""
        i, f, g, o = (x + self.gain * normalised(u, self.centred)).unbind(1)
        c = f.sigmoid() * m[:, 0] + i.sigmoid() * g.tanh()
        seen = self.memory_gain * normalised(c.unsqueeze(1), self.centred)[:, 0] + self.memory_bias
        return o.sigmoid() * seen.tanh(), c.unsqueeze(1)

    @staticmethod
    def advance(gates: Any, x: Array, u: Array, h: Array, m: Array, h_next: Array, m_next: Array, saved: Array) -> None:
        """``step`` of one row; keeps N(u), i, f, g, o, and the quotient in N(u)."""
        saved[8, 0] = normalise(u, gates.centred, saved[:4])
        for j in range(h.shape[0]):
            saved[4, j] = sigmoid(x[0, j] + gates.gain[0, j] * saved[0, j])
        for j in range(h.shape[0]):
            saved[5, j] = sigmoid(x[1, j] + gates.gain[1, j] * saved[1, j])
        for j in range(h.shape[0]):
            saved[6, j] = tanh(x[2, j] + gates.gain[2, j] * saved[2, j])
        for j in range(h.shape[0]):
            saved[7, j] = sigmoid(x[3, j] + gates.gain[3, j] * saved[3, j])
        for j in range(h.shape[0]):
            m_next[0, j] = saved[5, j] * m[0, j] + saved[4, j] * saved[6, j]
        normalise(m_next, gates.centred, u[:1])
        for j in range(h.shape[0]):
            h_next[j] = saved[7, j] * tanh(gates.memory_gain[j] * u[0, j] + gates.memory_bias[j])

    @staticmethod
    def retreat(
        gates: Any, dh: Array, dm: Array, saved: Array, h: Array, m: Array, dx: Array, du: Array, dg: Any
    ) -> None:
        """From cotangents of h' and c' to those of x, u, h, c and the weights; du is the room for c' and N(c')."""
        one = saved.dtype.type(1)
        for j in range(dh.shape[0]):
            du[0, j] = saved[5, j] * m[0, j] + saved[4, j] * saved[6, j]
        quotient = normalise(du[:1], gates.centred, du[1:2])
        for j in range(dh.shape[0]):
            du[2, j] = tanh(gates.memory_gain[j] * du[1, j] + gates.memory_bias[j])
        for j in range(dh.shape[0]):
            o, t = saved[7, j], du[2, j]
            dx[3, j] = dh[j] * t * o * (one - o)
            du[2, j] = dh[j] * o * (one - t * t)
        for j in range(dh.shape[0]):
            dg.memory_bias[j] += du[2, j]
        for j in range(dh.shape[0]):
            dg.memory_gain[j] += du[2, j] * du[1, j]
        for j in range(dh.shape[0]):
            du[2, j] *= gates.memory_gain[j]
        normalise_back(du[2:3], du[1:2], quotient, gates.centred)
        for j in range(dh.shape[0]):
            dm[0, j] += du[2, j]
        for j in range(dh.shape[0]):
            i, g = saved[4, j], saved[6, j]
            dx[0, j] = dm[0, j] * g * i * (one - i)
            dx[2, j] = dm[0, j] * i * (one - g * g)
        for j in range(dh.shape[0]):
            f = saved[5, j]
            dx[1, j] = dm[0, j] * m[0, j] * f * (one - f)
            dm[0, j] *= f
            dh[j] = 0
        for r in range(4):
            for j in range(dh.shape[0]):
                dg.gain[r, j] += dx[r, j] * saved[r, j]
            for j in range(dh.shape[0]):
                du[r, j] = dx[r, j] * gates.gain[r, j]
        normalise_back(du, saved[:4], saved[8, 0], gates.centred)
