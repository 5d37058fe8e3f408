"""The gate of the minimal gated unit.

    f = sigmoid(x_f + U_f h_{t-1})
    n = tanh(x_n + U_n (f * h_{t-1}))
    h' = h + f * (n - h)

with x = W x_t + b in the order f, n; there is no memory beside h.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from statewise.ops.gates.parts import copy, gate_back, mix, open_gate, part, scale, squash

Array = Any
Shape = tuple[int, int]


class MinimalGatedUnitGates(NamedTuple):
    """They have no weights of their own."""

    def axes(self) -> tuple[str, ...]:
        """Of a step's x and of m, then of the matrices and the weights above."""
        return "2H", "0", "H H", "H H"

    def chain(self) -> tuple[int, ...]:
        """Which matrix each product is with."""
        return 0, 1

    def saved(self, write: Shape, new: Shape) -> int:
        """f and n."""
        return 2 * new[0]

    def step(self, weights: tuple[Tensor, Tensor], x: Tensor, h: Tensor, m: Tensor) -> tuple[Tensor, Tensor]:
        """h' from U_f and U_n ``(H, H)``, ``x (B, 2 H)`` and ``h (B, H)``; the memory is empty."""
        driven_f, driven_n = x.chunk(2, dim=1)
        f = torch.addmm(driven_f, h, weights[0].t()).sigmoid()
        n = torch.addmm(driven_n, f * h, weights[1].t()).tanh()
        return h + f * (n - h), m

    @staticmethod
    def advance(
        gates: Any, stage: int, x: Array, u: Array, h: Array, m: Array, out: Array, m_next: Array, saved: Array
    ) -> None:
        """f * h, then h', of one row."""
        width = h.shape[0]
        f, n = part(saved, 0, width), part(saved, 1, width)
        if stage == 0:
            open_gate(part(x, 0, width), u, f)
            scale(f, h, out)
        else:
            squash(part(x, 1, width), u, n)
            mix(f, n, h, out)

    @staticmethod
    def retreat(
        gates: Any, stage: int, d: Array, dh: Array, dm: Array, saved: Array, room: Array, out: Array, h: Array,
        m: Array, dx: Array, du: Array, dg: Any,
    ) -> None:  # fmt: skip
        """From the cotangent of h', then of f * h, to those of x, u and h."""
        one, width = saved.dtype.type(1), h.shape[0]
        f, n, df, dn = part(saved, 0, width), part(saved, 1, width), part(dx, 0, width), part(dx, 1, width)
        if stage == 0:
            gate_back(d, f, h, dh, du)
            for j in range(width):
                df[j] += du[j]
            copy(df, du)
        else:
            for j in range(width):
                du[j] = d[j] * f[j] * (one - n[j] * n[j])
                df[j] = d[j] * (n[j] - h[j]) * f[j] * (one - f[j])
                dh[j] += d[j] * (one - f[j])
            copy(du, dn)
