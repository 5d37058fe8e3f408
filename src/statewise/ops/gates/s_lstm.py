"""The gates of the sLSTM, whose input gate is an exponential that a stabiliser keeps in range.

    a = x + u in the order z, i, f, o
    m' = max(log sigmoid(a_f) + m, a_i)
    f, i = exp(log sigmoid(a_f) + m - m'), exp(a_i - m')
    c', n' = f * c + i * tanh(a_z), f * n + i
    h' = sigmoid(a_o) * c' / n'

with x = W x_t + b, u = U h_{t-1}, and c, n, m the memory beside h. One of f and i is 1, so that n' is at least 1 where
nothing was written before, n = 0, and m is far below a_i.
"""

from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from statewise.ops.compiled.elementary import exp, sigmoid, tanh
from statewise.ops.gates.sizes import Sizes

Array = Any
EMPTY = -1e30
"""The stabiliser before anything was written"""


class SLSTMGates(NamedTuple):
    """They have no weights of their own."""

    @staticmethod
    def sizes() -> Sizes:
        return Sizes(products=4, memory=3, saved=8, sums=True, begins=(0.0, 0.0, EMPTY))

    def step(self, x: Tensor, u: Tensor, h: Tensor, m: Tensor) -> tuple[Tensor, Tensor]:
        """h' and the memory from ``x``, ``u (B, 4, H)``, ``h (B, H)`` and ``m (B, 3, H)``."""
        z, log_i, f, o = (x + u).unbind(1)
        c, n, stabiliser = m.unbind(1)
        kept = F.logsigmoid(f) + stabiliser
        after = torch.maximum(kept, log_i)
        f, i = (kept - after).exp(), (log_i - after).exp()
        c, n = f * c + i * z.tanh(), f * n + i
        return o.sigmoid() * c / n, torch.stack([c, n, after], dim=1)

    @staticmethod
    def advance(gates: Any, x: Array, u: Array, h: Array, m: Array, h_next: Array, m_next: Array, saved: Array) -> None:
        """``step`` of one row; keeps z, i, f, o, c', n', sigmoid(a_f) and whether m' is a_i."""
        zero, one = saved.dtype.type(0), saved.dtype.type(1)
        for j in range(h.shape[0]):
            saved[0, j] = tanh(x[0, j] + u[0, j])
        for j in range(h.shape[0]):
            saved[3, j] = sigmoid(x[3, j] + u[3, j])
        for j in range(h.shape[0]):
            saved[6, j] = sigmoid(x[2, j] + u[2, j])
        for j in range(h.shape[0]):
            a = x[2, j] + u[2, j]
            saved[2, j] = min(a, zero) - np.log1p(exp(-abs(a))) + m[2, j]
        for j in range(h.shape[0]):
            log_i = x[1, j] + u[1, j]
            saved[7, j] = one if saved[2, j] < log_i else zero
            m_next[2, j] = max(saved[2, j], log_i)
        for j in range(h.shape[0]):
            saved[1, j] = exp(x[1, j] + u[1, j] - m_next[2, j])
        for j in range(h.shape[0]):
            saved[2, j] = exp(saved[2, j] - m_next[2, j])
        for j in range(h.shape[0]):
            saved[4, j] = saved[2, j] * m[0, j] + saved[1, j] * saved[0, j]
            saved[5, j] = saved[2, j] * m[1, j] + saved[1, j]
        for j in range(h.shape[0]):
            m_next[0, j] = saved[4, j]
            m_next[1, j] = saved[5, j]
        for j in range(h.shape[0]):
            h_next[j] = saved[3, j] * saved[4, j] / saved[5, j]

    @staticmethod
    def retreat(
        gates: Any, dh: Array, dm: Array, saved: Array, h: Array, m: Array, dx: Array, du: Array, dg: Any
    ) -> None:
        """From cotangents of h', c', n' and m' to those of a (x and u alike), h, c, n and m."""
        one = saved.dtype.type(1)
        for j in range(dh.shape[0]):
            o, read = saved[3, j], saved[4, j] / saved[5, j]
            du[3, j] = dh[j] * read * o * (one - o)
            dm[0, j] += dh[j] * o / saved[5, j]
            dm[1, j] -= dh[j] * o * read / saved[5, j]
            dh[j] = 0
        for j in range(dh.shape[0]):
            z, i = saved[0, j], saved[1, j]
            du[0, j] = dm[0, j] * i * (one - z * z)
            du[1, j] = (dm[0, j] * z + dm[1, j]) * i
        for j in range(dh.shape[0]):
            dq = (dm[0, j] * m[0, j] + dm[1, j] * m[1, j]) * saved[2, j]
            rest = dm[2, j] - dq - du[1, j]
            du[1, j] += saved[7, j] * rest
            dm[2, j] = dq + (one - saved[7, j]) * rest
            du[2, j] = dm[2, j] * (one - saved[6, j])
        for j in range(dh.shape[0]):
            dm[0, j] *= saved[2, j]
            dm[1, j] *= saved[2, j]
