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

from statewise.ops.gates.parts import accumulate, keep_back, open_gate, read, read_back, squash, write, write_back
from statewise.ops.gates.sizes import Sizes

Array = Any


class PeepholeLSTMGates(NamedTuple):
    """What of the memory each gate sees."""

    peepholes: Tensor
    """p_i, p_f and p_o ``(3, H)``"""

    @staticmethod
    def sizes() -> Sizes:
        return Sizes(products=4, memory=1, saved=5, sums=True, own=("3 H",))

    def step(self, x: Tensor, u: Tensor, h: Tensor, m: Tensor) -> tuple[Tensor, Tensor]:
        """h' and the memory from ``x``, ``u (B, 4, H)``, ``h (B, H)`` and ``m (B, 1, H)``."""
        a = x + u
        i, f = (a[:, :2] + self.peepholes[:2] * m).sigmoid().unbind(1)
        c = f * m[:, 0] + i * a[:, 2].tanh()
        o = torch.sigmoid(a[:, 3] + self.peepholes[2] * c)
        return o * c.tanh(), c.unsqueeze(1)

    @staticmethod
    def advance(gates: Any, x: Array, u: Array, h: Array, m: Array, h_next: Array, m_next: Array, saved: Array) -> None:
        """``step`` of one row; keeps i, f, g, o and tanh(c')."""
        accumulate(gates.peepholes[0], m[0], u[0])
        accumulate(gates.peepholes[1], m[0], u[1])
        open_gate(x[0], u[0], saved[0])
        open_gate(x[1], u[1], saved[1])
        squash(x[2], u[2], saved[2])
        write(saved[1], m[0], saved[0], saved[2], m_next[0])
        accumulate(gates.peepholes[2], m_next[0], u[3])
        open_gate(x[3], u[3], saved[3])
        read(saved[3], m_next[0], saved[4], h_next)

    @staticmethod
    def retreat(
        gates: Any, dh: Array, dm: Array, saved: Array, h: Array, m: Array, dx: Array, du: Array, dg: Any
    ) -> None:
        """From cotangents of h' and c' to those of a (x and u alike), h, c and the peepholes."""
        read_back(dh, saved[3], saved[4], du[3], dm[0])
        accumulate(gates.peepholes[2], du[3], dm[0])
        write(saved[1], m[0], saved[0], saved[2], dh)
        accumulate(du[3], dh, dg.peepholes[2])
        write_back(dm[0], saved[0], saved[2], du[0], du[2])
        keep_back(saved[1], m[0], dm[0], du[1])
        for gate in range(2):
            accumulate(gates.peepholes[gate], du[gate], dm[0])
            accumulate(du[gate], m[0], dg.peepholes[gate])
        dh[:] = 0
