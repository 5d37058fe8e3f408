"""The gates of the LSTM that looks at its memory, and a clock's that says how far it moves.

    i, f = sigmoid(a_i + p_i * c), sigmoid(a_f + p_f * c),    a = x + u
    c~ = f * c + i * tanh(a_g)
    o = sigmoid(a_o + p_o * c~),  h~ = o * tanh(c~)
    c' = c + k * (c~ - c),  h' = h + k * (h~ - h)

with x = W x_t + b, u = U h_{t-1} in the order i, f, g, o, the openness k as a fifth vector of x, and c the memory
beside h. k does not look at the state: what it is made of has its gradient from that of x.
"""

from typing import Any, NamedTuple

from torch import Tensor

from statewise.ops.gates.parts import (
    accumulate,
    add,
    copy,
    keep_back,
    mix,
    mixed_back,
    open_gate,
    read,
    read_back,
    squash,
    write,
    write_back,
)
from statewise.ops.gates.peephole_lstm import PeepholeLSTMGates
from statewise.ops.gates.sizes import Sizes

Array = Any


class PhasedLSTMGates(NamedTuple):
    """What of the memory each gate sees."""

    peepholes: Tensor
    """p_i, p_f and p_o ``(3, H)``"""

    @staticmethod
    def sizes() -> Sizes:
        return Sizes(products=4, memory=1, saved=8, sums=False, beside=1, own=("3 H",))

    def step(self, x: Tensor, u: Tensor, h: Tensor, m: Tensor) -> tuple[Tensor, Tensor]:
        """h' and the memory from ``x (B, 5, H)``, ``u (B, 4, H)``, ``h (B, H)`` and ``m (B, 1, H)``."""
        proposed_h, proposed_c = PeepholeLSTMGates(self.peepholes).step(x[:, :4], u, h, m)
        k = x[:, 4]
        return h + k * (proposed_h - h), m + k.unsqueeze(1) * (proposed_c - m)

    @staticmethod
    def advance(gates: Any, x: Array, u: Array, h: Array, m: Array, h_next: Array, m_next: Array, saved: Array) -> None:
        """``step`` of one row; keeps i, f, g, o, tanh(c~), k, c~ and h~."""
        accumulate(gates.peepholes[0], m[0], u[0])
        accumulate(gates.peepholes[1], m[0], u[1])
        open_gate(x[0], u[0], saved[0])
        open_gate(x[1], u[1], saved[1])
        squash(x[2], u[2], saved[2])
        write(saved[1], m[0], saved[0], saved[2], saved[6])
        accumulate(gates.peepholes[2], saved[6], u[3])
        open_gate(x[3], u[3], saved[3])
        read(saved[3], saved[6], saved[4], saved[7])
        copy(x[4], saved[5])
        mix(saved[5], saved[6], m[0], m_next[0])
        mix(saved[5], saved[7], h, h_next)

    @staticmethod
    def retreat(
        gates: Any, dh: Array, dm: Array, saved: Array, h: Array, m: Array, dx: Array, du: Array, dg: Any
    ) -> None:
        """From cotangents of h' and c' to those of x, u, h, c and the peepholes. dx is room to work in."""
        dx[4] = 0
        mixed_back(saved[5], saved[7], h, dh, dx[0], dx[4])
        mixed_back(saved[5], saved[6], m[0], dm[0], dx[1], dx[4])
        read_back(dx[0], saved[3], saved[4], du[3], dx[1])
        accumulate(gates.peepholes[2], du[3], dx[1])
        accumulate(du[3], saved[6], dg.peepholes[2])
        write_back(dx[1], saved[0], saved[2], du[0], du[2])
        keep_back(saved[1], m[0], dx[1], du[1])
        add(dx[1], dm[0])
        for gate in range(2):
            accumulate(gates.peepholes[gate], du[gate], dm[0])
            accumulate(du[gate], m[0], dg.peepholes[gate])
        for gate in range(4):
            copy(du[gate], dx[gate])
