"""The gates of the closed-form continuous-time cell, between the products of its backbone and that of its heads.

    f_1, f_2, a, b = V z + c
    s = sigmoid(a e + b)
    h' = (1 - p s) * tanh(f_1) + s * tanh(f_2)           with the gate p = 1, without it p = 0
    h' = A - A * exp(-(w + |f_1|) e) * f_1               the solution itself, whose only head is f_1

with z, K wide, of the backbone (``statewise.ops.chains.backbone``), x = W x_t + b for it and then the time e that has
passed, one number. There is no memory beside h.
"""

from typing import Any, NamedTuple

import torch.nn.functional as F
from torch import Tensor

from statewise.ops.chains.backbone import backbone, chain_of, lecun, lecun_back
from statewise.ops.compiled.elementary import exp, sigmoid, tanh
from statewise.ops.gates.parts import accumulate, add, copy, part

Array = Any
Shape = tuple[int, int]


class CfCGates(NamedTuple):
    """Of the modes that lie between two proposals: what follows each product."""

    hidden_bias: Tensor
    """b_1 ... of the backbone's layers but the first ``(layers - 1, K)``"""
    head_bias: Tensor
    """c ``(4 H,)``"""
    gated: Tensor
    """p ``(1,)``; has no gradient"""

    def axes(self) -> tuple[str, ...]:
        """Of a step's x and of m, then of the matrices and the weights above."""
        return "K+1", "0", "K H", *["K K"] * len(self.hidden_bias), "4H K", "L K", "4H", "1"

    def chain(self) -> tuple[int, ...]:
        """Which matrix each product is with."""
        return chain_of(self.hidden_bias)

    def saved(self, *shapes: Shape) -> int:
        """tanh(f_1), tanh(f_2), s and a, and the time."""
        return shapes[-1][0] + 1

    def step(self, weights: tuple[Tensor, ...], x: Tensor, h: Tensor, m: Tensor) -> tuple[Tensor, Tensor]:
        """h' from U ``(K, H)``, W ``(K, K)`` each, V ``(4 H, K)``, ``x (B, K + 1)`` and ``h (B, H)``."""
        z = backbone(weights[:-1], self.hidden_bias, x[:, :-1], h)
        f_1, f_2, a, b = F.linear(z, weights[-1], self.head_bias).chunk(4, dim=1)
        s = (a * x[:, -1:] + b).sigmoid()
        return (1 - self.gated * s) * f_1.tanh() + s * f_2.tanh(), m

    @staticmethod
    def advance(
        gates: Any, stage: int, x: Array, u: Array, h: Array, m: Array, out: Array, m_next: Array, saved: Array
    ) -> None:
        """z, layer by layer, then h', of one row."""
        if stage <= gates.hidden_bias.shape[0]:
            lecun(stage, x, u, out, gates.hidden_bias)
        else:
            one, width = x.dtype.type(1), out.shape[0]
            first, second, s = part(saved, 0, width), part(saved, 1, width), part(saved, 2, width)
            elapsed = x[x.shape[0] - 1]
            add(gates.head_bias, u)
            copy(part(u, 2, width), part(saved, 3, width))
            saved[4 * width] = elapsed
            for j in range(width):
                first[j] = tanh(u[j])
            for j in range(width):
                second[j] = tanh(u[width + j])
            for j in range(width):
                s[j] = sigmoid(u[2 * width + j] * elapsed + u[3 * width + j])
            for j in range(width):
                out[j] = (one - gates.gated[0] * s[j]) * first[j]
            accumulate(s, second, out)

    @staticmethod
    def retreat(
        gates: Any, stage: int, d: Array, dh: Array, dm: Array, saved: Array, room: Array, out: Array, h: Array,
        m: Array, dx: Array, du: Array, dg: Any,
    ) -> None:  # fmt: skip
        """From the cotangent of h', then of z, to those of x, u and the biases."""
        if stage <= gates.hidden_bias.shape[0]:
            lecun_back(stage, d, out, dx, du, dg.hidden_bias)
        else:
            one, width = saved.dtype.type(1), out.shape[0]
            first, second, s = part(saved, 0, width), part(saved, 1, width), part(saved, 2, width)
            a, elapsed, d_elapsed = part(saved, 3, width), saved[4 * width], one - one
            for j in range(width):
                du[j] = d[j] * (one - gates.gated[0] * s[j]) * (one - first[j] * first[j])
            for j in range(width):
                du[width + j] = d[j] * s[j] * (one - second[j] * second[j])
            for j in range(width):
                du[3 * width + j] = d[j] * (second[j] - gates.gated[0] * first[j]) * s[j] * (one - s[j])
            for j in range(width):
                du[2 * width + j] = du[3 * width + j] * elapsed
                d_elapsed += du[3 * width + j] * a[j]
            dx[dx.shape[0] - 1] = d_elapsed
            add(du, dg.head_bias)


class CfCSolution(NamedTuple):
    """Of the mode that is the solution itself: what follows each product."""

    hidden_bias: Tensor
    """b_1 ... of the backbone's layers but the first ``(layers - 1, K)``"""
    head_bias: Tensor
    """c ``(H,)``"""
    decay: Tensor
    """w ``(H,)``, at least 0"""
    rest: Tensor
    """A ``(H,)``"""

    def axes(self) -> tuple[str, ...]:
        """Of a step's x and of m, then of the matrices and the weights above."""
        return "K+1", "0", "K H", *["K K"] * len(self.hidden_bias), "H K", "L K", "H", "H", "H"

    def chain(self) -> tuple[int, ...]:
        """Which matrix each product is with."""
        return chain_of(self.hidden_bias)

    def saved(self, *shapes: Shape) -> int:
        """f_1 and the exponential, and the time."""
        return 2 * shapes[-1][0] + 1

    def step(self, weights: tuple[Tensor, ...], x: Tensor, h: Tensor, m: Tensor) -> tuple[Tensor, Tensor]:
        """h' from U ``(K, H)``, W ``(K, K)`` each, V ``(H, K)``, ``x (B, K + 1)`` and ``h (B, H)``."""
        z = backbone(weights[:-1], self.hidden_bias, x[:, :-1], h)
        f = F.linear(z, weights[-1], self.head_bias)
        return self.rest - self.rest * (-x[:, -1:] * (self.decay + f.abs())).exp() * f, m

    @staticmethod
    def advance(
        gates: Any, stage: int, x: Array, u: Array, h: Array, m: Array, out: Array, m_next: Array, saved: Array
    ) -> None:
        """z, layer by layer, then h', of one row."""
        if stage <= gates.hidden_bias.shape[0]:
            lecun(stage, x, u, out, gates.hidden_bias)
        else:
            one, width, elapsed = x.dtype.type(1), out.shape[0], x[x.shape[0] - 1]
            f, left = part(saved, 0, width), part(saved, 1, width)
            saved[2 * width] = elapsed
            for j in range(width):
                f[j] = u[j] + gates.head_bias[j]
            for j in range(width):
                left[j] = exp(-elapsed * (gates.decay[j] + abs(f[j])))
            for j in range(width):
                out[j] = gates.rest[j] * (one - left[j] * f[j])

    @staticmethod
    def retreat(
        gates: Any, stage: int, d: Array, dh: Array, dm: Array, saved: Array, room: Array, out: Array, h: Array,
        m: Array, dx: Array, du: Array, dg: Any,
    ) -> None:  # fmt: skip
        """From the cotangent of h', then of z, to those of x, u and the gates' own weights."""
        if stage <= gates.hidden_bias.shape[0]:
            lecun_back(stage, d, out, dx, du, dg.hidden_bias)
        else:
            one, width = saved.dtype.type(1), out.shape[0]
            f, left, elapsed, d_elapsed = part(saved, 0, width), part(saved, 1, width), saved[2 * width], one - one
            for j in range(width):
                dg.rest[j] += d[j] * (one - left[j] * f[j])
            for j in range(width):
                du[j] = d[j] * gates.rest[j] * left[j]
            for j in range(width):
                dg.decay[j] += du[j] * f[j] * elapsed
                d_elapsed += du[j] * f[j] * (gates.decay[j] + abs(f[j]))
            for j in range(width):
                du[j] *= elapsed * abs(f[j]) - one
            dx[dx.shape[0] - 1] = d_elapsed
            add(du, dg.head_bias)
