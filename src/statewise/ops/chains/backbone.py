"""What the cells in closed form share: the layers of their backbone, for use inside compiled loops.

    z_1 = L(x + U h_{t-1}),    z_{s+1} = L(W_s z_s + b_s),    L(a) = 1.7159 tanh(0.666 a)

As ``statewise.ops.gates.parts``, whose letters these are.
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from statewise.ops.compiled.elementary import tanh
from statewise.ops.gates.parts import add, copy, part

Array = Any


def backbone(weights: Sequence[Tensor], biases: Tensor, x: Tensor, h: Tensor) -> Tensor:
    """z ``(B, K)`` of a batch, from U ``(K, H)``, W ``(K, K)`` each, ``biases (layers - 1, K)`` and ``x (B, K)``."""
    z = 1.7159 * (0.666 * torch.addmm(x, h, weights[0].t())).tanh()
    for weight, bias in zip(weights[1:], biases, strict=True):
        z = 1.7159 * (0.666 * F.linear(z, weight, bias)).tanh()
    return z


def chain_of(biases: Tensor) -> tuple[int, ...]:
    """Which matrix each product is with: U, W_1 ... and that of the heads, in turn."""
    return tuple(range(len(biases) + 2))


def lecun(stage: int, x: Array, u: Array, z: Array, biases: Array) -> None:
    """z = 1.7159 tanh(0.666 (x + u)), with a bias for x from the second layer on; x may go on behind."""
    driven = x if stage == 0 else biases[stage - 1]
    inner, outer = z.dtype.type(0.666), z.dtype.type(1.7159)
    for j in range(z.shape[0]):
        z[j] = outer * tanh(inner * (driven[j] + u[j]))


def lecun_back(stage: int, d: Array, z: Array, dx: Array, du: Array, dbiases: Array) -> None:
    """Cotangents of u, and of x or of the bias, from that of z."""
    inner, outer = z.dtype.type(0.666), z.dtype.type(1.7159)
    for j in range(z.shape[0]):
        du[j] = d[j] * inner * (outer - z[j] * z[j] / outer)
    if stage == 0:
        copy(du, part(dx, 0, z.shape[0]))
    else:
        add(du, dbiases[stage - 1])


PARTS = (lecun, lecun_back)
