"""The gates of the LSTM that are normalised.

    i, f, g, o = sigmoid(a_i), sigmoid(a_f), tanh(a_g), sigmoid(a_o),    a = x + s * N(u)
    c' = f * c + i * g
    h' = o * tanh(s_c * N(c') + b_c)

with x = s_x * N(W x_t) + b, u = U h_{t-1} in the order i, f, g, o, c the memory beside h, and N over all four gates
together, less the mean where it is centred.
"""

from typing import Any, NamedTuple

from torch import Tensor

from statewise.ops.compiled.norm import normalise, normalise_back
from statewise.ops.gates.normalised import normalised
from statewise.ops.gates.parts import (
    accumulate,
    add,
    keep_back,
    open_gate,
    read_back,
    rescale,
    scale,
    squash,
    write,
    write_back,
)
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
        return Sizes(products=4, memory=1, saved=9, sums=False, own=("4 H", "H", "H", "1"))

    def step(self, x: Tensor, u: Tensor, h: Tensor, m: Tensor) -> tuple[Tensor, Tensor]:
        """h' and the memory from ``x``, ``u (B, 4, H)``, ``h (B, H)`` and ``m (B, 1, H)``."""
        i, f, g, o = (x + self.gain * normalised(u, self.centred)).unbind(1)
        c = f.sigmoid() * m[:, 0] + i.sigmoid() * g.tanh()
        seen = self.memory_gain * normalised(c.unsqueeze(1), self.centred)[:, 0] + self.memory_bias
        return o.sigmoid() * seen.tanh(), c.unsqueeze(1)

    @staticmethod
    def advance(gates: Any, x: Array, u: Array, h: Array, m: Array, h_next: Array, m_next: Array, saved: Array) -> None:
        """``step`` of one row; keeps N(u), i, f, g, o, and the quotient in N(u). u is room for s * N(u) and N(c')."""
        saved[8, 0] = normalise(u, gates.centred, saved[:4])
        for gate in range(4):
            scale(gates.gain[gate], saved[gate], u[gate])
        open_gate(x[0], u[0], saved[4])
        open_gate(x[1], u[1], saved[5])
        squash(x[2], u[2], saved[6])
        open_gate(x[3], u[3], saved[7])
        write(saved[5], m[0], saved[4], saved[6], m_next[0])
        normalise(m_next, gates.centred, u[:1])
        scale(gates.memory_gain, u[0], u[1])
        squash(u[1], gates.memory_bias, u[2])
        scale(saved[7], u[2], h_next)

    @staticmethod
    def retreat(
        gates: Any, dh: Array, dm: Array, saved: Array, h: Array, m: Array, dx: Array, du: Array, dg: Any
    ) -> None:
        """From cotangents of h' and c' to those of x, u, h, c and the weights. dx and du are room to work in."""
        write(saved[5], m[0], saved[4], saved[6], du[0])
        quotient = normalise(du[:1], gates.centred, du[1:2])
        scale(gates.memory_gain, du[1], du[2])
        squash(du[2], gates.memory_bias, dx[0])
        du[2] = 0
        read_back(dh, saved[7], dx[0], dx[3], du[2])
        add(du[2], dg.memory_bias)
        accumulate(du[2], du[1], dg.memory_gain)
        rescale(gates.memory_gain, du[2])
        normalise_back(du[2:3], du[1:2], quotient, gates.centred)
        add(du[2], dm[0])
        write_back(dm[0], saved[4], saved[6], dx[0], dx[2])
        keep_back(saved[5], m[0], dm[0], dx[1])
        dh[:] = 0
        for gate in range(4):
            accumulate(dx[gate], saved[gate], dg.gain[gate])
            scale(dx[gate], gates.gain[gate], du[gate])
        normalise_back(du, saved[:4], saved[8, 0], gates.centred)
