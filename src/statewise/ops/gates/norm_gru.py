"""The gates of the GRU that are normalised.

    r, z = sigmoid(a_r), sigmoid(a_z),    a = x + s * N(u_r, u_z)
    n = tanh(x_n + r * (s_n * N(u_n) + b_n))
    h' = n + z * (h - n)

with x = s_x * N(W x_t) + b, u = U h_{t-1} in the order r, z, n, and N over both gates together and over the candidate
alone, less the mean where it is centred; there is no memory beside h.
"""

from typing import Any, NamedTuple

from torch import Tensor

from statewise.ops.compiled.elementary import sigmoid, tanh
from statewise.ops.compiled.norm import normalise, normalise_back
from statewise.ops.gates.normalised import normalised
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
        return Sizes(products=3, memory=0, saved=9, sums=False)

    def step(self, x: Tensor, u: Tensor, h: Tensor, m: Tensor) -> tuple[Tensor, Tensor]:
        """h' from ``x``, ``u (B, 3, H)`` and ``h (B, H)``; the memory ``m (B, 0, H)`` is empty."""
        r, z = (x[:, :2] + self.gain[:2] * normalised(u[:, :2], self.centred)).sigmoid().unbind(1)
        seen = self.gain[2] * normalised(u[:, 2:], self.centred)[:, 0] + self.bias
        n = (x[:, 2] + r * seen).tanh()
        return n + z * (h - n), m

    @staticmethod
    def advance(gates: Any, x: Array, u: Array, h: Array, m: Array, h_next: Array, m_next: Array, saved: Array) -> None:
        """``step`` of one row; keeps all N(u), r, z, n, what r multiplies, and both quotients."""
        saved[7, 0] = normalise(u[:2], gates.centred, saved[:2])
        saved[8, 0] = normalise(u[2:3], gates.centred, saved[2:3])
        for j in range(h.shape[0]):
            saved[3, j] = sigmoid(x[0, j] + gates.gain[0, j] * saved[0, j])
        for j in range(h.shape[0]):
            saved[4, j] = sigmoid(x[1, j] + gates.gain[1, j] * saved[1, j])
        for j in range(h.shape[0]):
            saved[6, j] = gates.gain[2, j] * saved[2, j] + gates.bias[j]
        for j in range(h.shape[0]):
            saved[5, j] = tanh(x[2, j] + saved[3, j] * saved[6, j])
        for j in range(h.shape[0]):
            h_next[j] = saved[5, j] + saved[4, j] * (h[j] - saved[5, j])

    @staticmethod
    def retreat(
        gates: Any, dh: Array, dm: Array, saved: Array, h: Array, m: Array, dx: Array, du: Array, dg: Any
    ) -> None:
        """From the cotangent of h' to those of x, u, h and the weights."""
        one = saved.dtype.type(1)
        for j in range(dh.shape[0]):
            z, n = saved[4, j], saved[5, j]
            dx[2, j] = dh[j] * (one - z) * (one - n * n)
            dx[1, j] = dh[j] * (h[j] - n) * z * (one - z)
            dh[j] *= z
        for j in range(dh.shape[0]):
            r = saved[3, j]
            du[2, j] = dx[2, j] * r
            dx[0, j] = dx[2, j] * saved[6, j] * r * (one - r)
        for j in range(dh.shape[0]):
            dg.bias[j] += du[2, j]
            dg.gain[2, j] += du[2, j] * saved[2, j]
        for j in range(dh.shape[0]):
            du[2, j] *= gates.gain[2, j]
        for k in range(2):
            for j in range(dh.shape[0]):
                dg.gain[k, j] += dx[k, j] * saved[k, j]
            for j in range(dh.shape[0]):
                du[k, j] = dx[k, j] * gates.gain[k, j]
        normalise_back(du[:2], saved[:2], saved[7, 0], gates.centred)
        normalise_back(du[2:3], saved[2:3], saved[8, 0], gates.centred)
