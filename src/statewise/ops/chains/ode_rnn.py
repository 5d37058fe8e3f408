"""The gates of the ODE-RNN, between the products of its field and that of its GRU.

    k_e = V tanh(W v_e + b) + c,    v_{e+1} = base + alpha_e d k_e         an evaluation of the field
    base = base + d sum_e beta_e k_e                                       the last of a solver's step
    r, z = sigmoid(x_r + u_r), sigmoid(x_z + u_z),    u = U base + b_u     a GRU from there
    n = tanh(x_n + r * u_n)
    h' = n + z * (base - n)

with base = h_{t-1} at first, x = W_x x_t + b_x in the order r, z, n, then d, the length of a solver's step, one number.
There is no memory beside h.
"""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from statewise.ops.gates.gru import GRUGates
from statewise.ops.gates.parts import (
    add,
    copy,
    mix,
    mix_back,
    open_gate,
    part,
    reset_back,
    scale,
    squash,
)

Array = Any
Shape = tuple[int, int]


class ODERNNGates(NamedTuple):
    """What follows each product."""

    inner_bias: Tensor
    """b ``(F,)``"""
    outer_bias: Tensor
    """c ``(H,)``"""
    update_bias: Tensor
    """b_u ``(3 H,)``"""
    tableau: Tensor
    """alpha and beta of the evaluations of each of a solver's steps ``(steps, E, 2)``, alpha 0 at the last; without a
    gradient"""

    def axes(self) -> tuple[str, ...]:
        """Of a step's x and of m, then of the matrices and the weights above."""
        return "3H+1", "0", "F H", "H F", "3H H", "F", "H", "3H", "P E 2"

    def chain(self) -> tuple[int, ...]:
        """W and V for each evaluation, then U."""
        return (0, 1) * (self.tableau.numel() // 2) + (2,)

    def saved(self, inner: Shape, outer: Shape, update: Shape) -> int:
        """All k, base, the GRU's r, z, n and u_n, and d."""
        return (self.tableau.numel() // 2 + 5) * outer[0] + 1

    def step(self, weights: tuple[Tensor, Tensor, Tensor], x: Tensor, h: Tensor, m: Tensor) -> tuple[Tensor, Tensor]:
        """h' from W ``(F, H)``, V ``(H, F)``, U ``(3 H, H)``, ``x (B, 3 H + 1)`` and ``h (B, H)``."""
        inner, outer, update = weights
        base, d = h, x[:, -1:]
        for solver_step in self.tableau:
            v, moved = base, torch.zeros_like(base)
            for alpha, beta in solver_step:
                k = F.linear(F.linear(v, inner, self.inner_bias).tanh(), outer, self.outer_bias)
                v, moved = base + alpha * d * k, moved + beta * k
            base = base + d * moved
        u = F.linear(base, update, self.update_bias).unflatten(1, (3, -1))
        return GRUGates().step(x[:, :-1].unflatten(1, (3, -1)), u, base, m)

    @staticmethod
    def advance(
        gates: Any, stage: int, x: Array, u: Array, h: Array, m: Array, out: Array, m_next: Array, saved: Array
    ) -> None:
        """The field, evaluation by evaluation, then h', of one row."""
        width, number, order = h.shape[0], stage // 2, gates.tableau.shape[1]
        evaluations = gates.tableau.shape[0] * order
        base, d = part(saved, evaluations, width), x[3 * width]
        if number == evaluations:
            r, z = part(saved, number + 1, width), part(saved, number + 2, width)
            n, seen = part(saved, number + 3, width), part(saved, number + 4, width)
            saved[(number + 5) * width] = d
            add(gates.update_bias, u)
            open_gate(part(x, 0, width), part(u, 0, width), r)
            open_gate(part(x, 1, width), part(u, 1, width), z)
            copy(part(u, 2, width), seen)
            scale(r, seen, part(u, 2, width))
            squash(part(x, 2, width), part(u, 2, width), n)
            mix(z, base, n, out)
        elif stage % 2 == 0:
            squash(gates.inner_bias, u, out)
        else:
            if number == 0:
                copy(h, base)
            k, now = part(saved, number, width), number % order
            add(gates.outer_bias, u)
            copy(u, k)
            if now == order - 1:
                for i in range(order):
                    share, before = d * gates.tableau[0, i, 1], part(saved, number - now + i, width)
                    for j in range(width):
                        base[j] += share * before[j]
            share = d * gates.tableau[0, now, 0]
            for j in range(width):
                out[j] = base[j] + share * k[j]

    @staticmethod
    def retreat(
        gates: Any, stage: int, d: Array, dh: Array, dm: Array, saved: Array, room: Array, out: Array, h: Array,
        m: Array, dx: Array, du: Array, dg: Any,
    ) -> None:  # fmt: skip
        """From the cotangent of h', then of each v, to those of x, u, h and the biases; that of base is in dh."""
        width, number, order = h.shape[0], stage // 2, gates.tableau.shape[1]
        evaluations = gates.tableau.shape[0] * order
        whole, one = part(room, 0, width), saved.dtype.type(1)
        if number == evaluations:
            base, r, z = part(saved, number, width), part(saved, number + 1, width), part(saved, number + 2, width)
            n, seen = part(saved, number + 3, width), part(saved, number + 4, width)
            copy(d, dh)
            mix_back(z, base, n, dh, part(dx, 1, width), part(dx, 2, width))
            reset_back(part(dx, 2, width), r, seen, part(dx, 0, width), part(du, 2, width))
            copy(part(dx, 0, width), part(du, 0, width))
            copy(part(dx, 1, width), part(du, 1, width))
            add(du, dg.update_bias)
            dx[3 * width] = one - one
        elif stage % 2 == 0:
            for j in range(out.shape[0]):
                du[j] = d[j] * (one - out[j] * out[j])
            add(du, dg.inner_bias)
        else:
            k, length, d_length = part(saved, number, width), saved[(evaluations + 5) * width], one - one
            alpha, beta = gates.tableau[0, number % order]
            add(d, dh)
            if number % order == order - 1:
                copy(dh, whole)
            for j in range(width):
                du[j] = alpha * d[j] + beta * whole[j]
            for j in range(width):
                d_length += du[j] * k[j]
                du[j] *= length
            dx[3 * width] += d_length
            add(du, dg.outer_bias)
