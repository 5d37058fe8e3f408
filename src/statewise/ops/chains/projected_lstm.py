"""The gates of the LSTM with a projection.

    i, f, g, o = sigmoid(a_i), sigmoid(a_f), tanh(a_g), sigmoid(a_o),    a = x + U h_{t-1}
    c' = f * c + i * g
    h' = P (o * tanh(c'))

with x = W x_t + b in the order i, f, g, o, and c, C wide, the memory beside h.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from statewise.ops.gates.parts import copy, keep_back, open_gate, part, read, read_back, squash, write, write_back

Array = Any
Shape = tuple[int, int]


class ProjectedLSTMGates(NamedTuple):
    """They have no weights of their own."""

    def axes(self) -> tuple[str, ...]:
        """Of a step's x and of m, then of the matrices and the weights above."""
        return "4C", "C", "4C H", "H C"

    def chain(self) -> tuple[int, ...]:
        """Which matrix each product is with."""
        return 0, 1

    def saved(self, gates: Shape, projection: Shape) -> int:
        """i, f, g, o and tanh(c')."""
        return 5 * projection[1]

    def step(self, weights: tuple[Tensor, Tensor], x: Tensor, h: Tensor, m: Tensor) -> tuple[Tensor, Tensor]:
        """h' and c' from U ``(4 C, H)``, P ``(H, C)``, ``x (B, 4 C)``, ``h (B, H)`` and ``m (B, C)``."""
        i, f, g, o = torch.addmm(x, h, weights[0].t()).chunk(4, dim=1)
        c = f.sigmoid() * m + i.sigmoid() * g.tanh()
        return (o.sigmoid() * c.tanh()) @ weights[1].t(), c

    @staticmethod
    def advance(
        gates: Any, stage: int, x: Array, u: Array, h: Array, m: Array, out: Array, m_next: Array, saved: Array
    ) -> None:
        """c' and o * tanh(c'), then h', of one row."""
        wide = m.shape[0]
        if stage == 0:
            i, f, g = part(saved, 0, wide), part(saved, 1, wide), part(saved, 2, wide)
            o, t = part(saved, 3, wide), part(saved, 4, wide)
            open_gate(part(x, 0, wide), part(u, 0, wide), i)
            open_gate(part(x, 1, wide), part(u, 1, wide), f)
            squash(part(x, 2, wide), part(u, 2, wide), g)
            open_gate(part(x, 3, wide), part(u, 3, wide), o)
            write(f, m, i, g, m_next)
            read(o, m_next, t, out)
        else:
            copy(u, out)

    @staticmethod
    def retreat(
        gates: Any, stage: int, d: Array, dh: Array, dm: Array, saved: Array, room: Array, out: Array, h: Array,
        m: Array, dx: Array, du: Array, dg: Any,
    ) -> None:  # fmt: skip
        """From the cotangents of h', then of o * tanh(c') and c', to those of x, u and c."""
        wide = m.shape[0]
        if stage == 0:
            i, f, g = part(saved, 0, wide), part(saved, 1, wide), part(saved, 2, wide)
            read_back(d, part(saved, 3, wide), part(saved, 4, wide), part(du, 3, wide), dm)
            write_back(dm, i, g, part(du, 0, wide), part(du, 2, wide))
            keep_back(f, m, dm, part(du, 1, wide))
            copy(du, dx)
        else:
            copy(d, du)
