"""The gates of the LSTM some of whose candidates are not written.

    i, f, g, o = sigmoid(a_i), sigmoid(a_f), tanh(a_g), sigmoid(a_o),    a = x + u
    c' = f * c + i * e * g
    h' = o * tanh(c')

with x = W x_t + b, u = U h_{t-1} in the order i, f, g, o, the mask e as a fifth vector of x, and c the memory beside h.
"""

from typing import Any, NamedTuple

from torch import Tensor

from statewise.ops.gates.parts import (
    copy,
    keep_back,
    open_gate,
    read,
    read_back,
    rescale,
    scale,
    squash,
    write,
    write_back,
)
from statewise.ops.gates.sizes import Sizes

Array = Any


class DroppedLSTMGates(NamedTuple):
    """They have no weights of their own."""

    @staticmethod
    def sizes() -> Sizes:
        return Sizes(products=4, memory=1, saved=6, sums=False, beside=1)

    def step(self, x: Tensor, u: Tensor, h: Tensor, m: Tensor) -> tuple[Tensor, Tensor]:
        """h' and the memory from ``x (B, 5, H)``, ``u (B, 4, H)``, ``h (B, H)`` and ``m (B, 1, H)``."""
        i, f, g, o = (x[:, :4] + u).unbind(1)
        c = f.sigmoid() * m[:, 0] + i.sigmoid() * x[:, 4] * g.tanh()
        return o.sigmoid() * c.tanh(), c.unsqueeze(1)

    @staticmethod
    def advance(gates: Any, x: Array, u: Array, h: Array, m: Array, h_next: Array, m_next: Array, saved: Array) -> None:
        """``step`` of one row; keeps i, f, g, o, tanh(c') and e. u is room for e * g."""
        open_gate(x[0], u[0], saved[0])
        open_gate(x[1], u[1], saved[1])
        squash(x[2], u[2], saved[2])
        open_gate(x[3], u[3], saved[3])
        copy(x[4], saved[5])
        scale(saved[5], saved[2], u[2])
        write(saved[1], m[0], saved[0], u[2], m_next[0])
        read(saved[3], m_next[0], saved[4], h_next)

    @staticmethod
    def retreat(
        gates: Any, dh: Array, dm: Array, saved: Array, h: Array, m: Array, dx: Array, du: Array, dg: Any
    ) -> None:
        """From cotangents of h' and c' to those of x, u, h and c, the last two in place. dx is room to work in."""
        read_back(dh, saved[3], saved[4], du[3], dm[0])
        scale(dm[0], saved[5], dx[0])
        write_back(dx[0], saved[0], saved[2], du[0], du[2])
        scale(saved[0], saved[2], dx[4])
        rescale(dm[0], dx[4])
        keep_back(saved[1], m[0], dm[0], du[1])
        dh[:] = 0
        for gate in range(4):
            copy(du[gate], dx[gate])
