"""The gates of the GRU that are normalised.

    r, z = sigmoid(a_r), sigmoid(a_z),    a = x + s * N(u_r, u_z)
    n = tanh(x_n + r * (s_n * N(u_n) + b_n))
    h' = n + z * (h - n)

with x = s_x * N(W x_t) + b, u = U h_{t-1} in the order r, z, n, and N over both gates together and over the candidate
alone, less the mean where it is centred; there is no memory beside h.
"""

from typing import Any, NamedTuple

from torch import Tensor

from statewise.ops.compiled.norm import normalise, normalise_back
from statewise.ops.gates.normalised import normalised
from statewise.ops.gates.parts import (
    accumulate,
    add,
    copy,
    mix,
    mix_back,
    open_gate,
    rescale,
    reset_back,
    scale,
    squash,
)
from statewise.ops.gates.sizes import Sizes

Array = Any


class NormGRUGates(NamedTuple):
    """What follows each normalisation."""

    gain: Tensor
    """s and s_n ``(3, H)``"""
    bias: Tensor
    """b_n ``(H,)``"""
    centred: Tensor
    """``(1,)``: 1 for layer normalisation, 0 for that by the root mean square; has no gradient"""

    @staticmethod
    def sizes() -> Sizes:
        return Sizes(products=3, memory=0, saved=9, sums=False, own=("3 H", "H", "1"))

    def step(self, x: Tensor, u: Tensor, h: Tensor, m: Tensor) -> tuple[Tensor, Tensor]:
        """h' from ``x``, ``u (B, 3, H)`` and ``h (B, H)``; the memory ``m (B, 0, H)`` is empty."""
        r, z = (x[:, :2] + self.gain[:2] * normalised(u[:, :2], self.centred)).sigmoid().unbind(1)
        seen = self.gain[2] * normalised(u[:, 2:], self.centred)[:, 0] + self.bias
        n = (x[:, 2] + r * seen).tanh()
        return n + z * (h - n), m

    @staticmethod
    def advance(gates: Any, x: Array, u: Array, h: Array, m: Array, h_next: Array, m_next: Array, saved: Array) -> None:
        """``step`` of one row; keeps N(u), r, z, n, what r multiplies, and both quotients. u is room to work in."""
        saved[7, 0] = normalise(u[:2], gates.centred, saved[:2])
        saved[8, 0] = normalise(u[2:3], gates.centred, saved[2:3])
        for gate in range(2):
            scale(gates.gain[gate], saved[gate], u[gate])
        open_gate(x[0], u[0], saved[3])
        open_gate(x[1], u[1], saved[4])
        copy(gates.bias, saved[6])
        accumulate(gates.gain[2], saved[2], saved[6])
        scale(saved[3], saved[6], u[2])
        squash(x[2], u[2], saved[5])
        mix(saved[4], h, saved[5], h_next)

    @staticmethod
    def retreat(
        gates: Any, dh: Array, dm: Array, saved: Array, h: Array, m: Array, dx: Array, du: Array, dg: Any
    ) -> None:
        """From the cotangent of h' to those of x, u, h and the weights."""
        mix_back(saved[4], h, saved[5], dh, dx[1], dx[2])
        reset_back(dx[2], saved[3], saved[6], dx[0], du[2])
        add(du[2], dg.bias)
        for gate in range(2):
            copy(dx[gate], du[gate])
        for gate in range(3):
            accumulate(du[gate], saved[gate], dg.gain[gate])
            rescale(gates.gain[gate], du[gate])
        normalise_back(du[:2], saved[:2], saved[7, 0], gates.centred)
        normalise_back(du[2:3], saved[2:3], saved[8, 0], gates.centred)
