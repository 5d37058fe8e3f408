"""The gates of the GRU whose reset gate acts before the product.

    r, z = sigmoid(x_r + u_r), sigmoid(x_z + u_z),    u = U h_{t-1}
    n = tanh(x_n + U_n (r * h_{t-1}))
    h' = n + z * (h - n)

with x = W x_t + b in the order r, z, n; there is no memory beside h.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from statewise.ops.gates.parts import copy, gate_back, mix, mix_back, open_gate, part, scale, squash

Array = Any
Shape = tuple[int, int]


class ResetGRUGates(NamedTuple):
    """They have no weights of their own."""

    def axes(self) -> tuple[str, ...]:
        """Of a step's x and of m, then of the matrices and the weights above."""
        return "3H", "0", "2H H", "H H"

    def chain(self) -> tuple[int, ...]:
        """Which matrix each product is with."""
        return 0, 1

    def saved(self, gates: Shape, new: Shape) -> int:
        """r, z and n."""
        return 3 * new[0]

    def step(self, weights: tuple[Tensor, Tensor], x: Tensor, h: Tensor, m: Tensor) -> tuple[Tensor, Tensor]:
        """h' from U ``(2 H, H)``, U_n ``(H, H)``, ``x (B, 3 H)`` and ``h (B, H)``; the memory is empty."""
        width = h.shape[1]
        over_gates, over_new = weights
        r, z = torch.addmm(x[:, : 2 * width], h, over_gates.t()).sigmoid().chunk(2, dim=1)
        n = torch.addmm(x[:, 2 * width :], r * h, over_new.t()).tanh()
        return n + z * (h - n), m

    @staticmethod
    def advance(
        gates: Any, stage: int, x: Array, u: Array, h: Array, m: Array, out: Array, m_next: Array, saved: Array
    ) -> None:
        """r * h, then h', of one row."""
        width = h.shape[0]
        r, z, n = part(saved, 0, width), part(saved, 1, width), part(saved, 2, width)
        if stage == 0:
            open_gate(part(x, 0, width), part(u, 0, width), r)
            open_gate(part(x, 1, width), part(u, 1, width), z)
            scale(r, h, out)
        else:
            squash(part(x, 2, width), u, n)
            mix(z, h, n, out)

    @staticmethod
    def retreat(
        gates: Any, stage: int, d: Array, dh: Array, dm: Array, saved: Array, room: Array, out: Array, h: Array,
        m: Array, dx: Array, du: Array, dg: Any,
    ) -> None:  # fmt: skip
        """From the cotangent of h', then of r * h, to those of x, u and h."""
        width = h.shape[0]
        r, z, n = part(saved, 0, width), part(saved, 1, width), part(saved, 2, width)
        if stage == 0:
            gate_back(d, r, h, dh, part(dx, 0, width))
            copy(part(dx, 0, width), part(du, 0, width))
            copy(part(dx, 1, width), part(du, 1, width))
        else:
            copy(d, dh)
            mix_back(z, h, n, dh, part(dx, 1, width), du)
            copy(du, part(dx, 2, width))
