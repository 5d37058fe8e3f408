"""Many real state-space models at once, one a channel, each with a full matrix.

    h_t = A h_{t-1} + b u_t,    s_t = c . h_t

The fast form is a convolution inside each block of time and a recurrence between blocks. For a block of Q steps, with
h_0 the state before it:

    s_q = sum_{r <= q} k_{q-r} u_r + (c A^{q+1}) . h_0,    k_j = c A^j b
    h_Q = A^Q h_0 + sum_r A^{Q-1-r} b u_r

c A^j and A^j b are unrolled by doubling (Gu, Goel & Re 2022, arXiv 2111.00396, eq. 5, whose kernel this is, in blocks).
"""

from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from statewise.autocast import unrounded
from statewise.contract.segments import Segments, segment_by_segment
from statewise.ops.diagonal_convolution import convolve, triangle
from statewise.ops.forms import Forms

BLOCK = 32
"""Steps in a block: the kernel costs D S^2 log Q products of numbers, and there are T / Q steps between blocks."""


def state_space_convolution(
    u: Tensor, a: Tensor, b: Tensor, c: Tensor, initial: Tensor, segments: Segments | None = None
) -> tuple[Tensor, Tensor]:
    """The outputs of one state-space model a channel, going on from a state.

    Args:
        u: ``(B, T, D)``, T >= 1.
        a: ``(D, S, S)``.
        b: ``(D, S)``.
        c: ``(D, S)``.
        initial: ``(B, D, S)``, the state before the first step.
        segments: that begin anew, from zeros, inside the rows.

    Returns:
        ``s (B, T, D)`` and the state after the last step, ``(B, D, S)``.

    >>> half, one = torch.full((1, 1, 1), 0.5), torch.ones(1, 1)
    >>> s, h = state_space_convolution(torch.ones(1, 3, 1), half, one, one, torch.zeros(1, 1, 1))
    >>> s.flatten(), h.flatten()
    (tensor([1.0000, 1.5000, 1.7500]), tensor([1.7500]))
    """
    return FORMS(u, a, b, c, initial, segments)


def reference(
    u: Tensor, a: Tensor, b: Tensor, c: Tensor, initial: Tensor, segments: Segments | None = None
) -> tuple[Tensor, Tensor]:
    """The equation, step by step: what every other form must equal."""
    if segments is not None:
        return segment_by_segment(lambda rows, h: reference(rows, a, b, c, h), u, initial, segments)
    h, outputs = initial, []
    for u_t in u.unbind(1):
        h = (a * h.unsqueeze(-2)).sum(-1) + b * u_t.unsqueeze(-1)
        outputs.append((c * h).sum(-1))
    return torch.stack(outputs, dim=1), h


def in_blocks(
    u: Tensor, a: Tensor, b: Tensor, c: Tensor, initial: Tensor, segments: Segments | None = None
) -> tuple[Tensor, Tensor]:
    """Blocks of equal length, then what is left."""
    with unrounded(u):
        matrices = _matrices(a, b, c, min(BLOCK, u.shape[1]))
        if segments is None:
            return _whole_rows(matrices, u, initial)
        return segment_by_segment(partial(_whole_rows, matrices), u, initial, segments)


def rule(u: Tensor, a: Tensor, b: Tensor, c: Tensor, initial: Tensor, segments: Segments | None = None) -> str:
    """Which form runs: the one in blocks, on every device."""
    return "in_blocks"


FORMS = Forms("state_space_convolution", {"reference": reference, "in_blocks": in_blocks}, rule)


class _Matrices(NamedTuple):
    """What a block of Q steps is multiplied with; a shorter one takes what it needs of it."""

    a: Tensor
    """``(D, S, S)``"""
    said: Tensor
    """``(D, Q + 1, S)``: c A^j, from 0 on"""
    left: Tensor
    """``(D, Q, S)``: A^j b"""
    triangle: Tensor
    """``(D, Q, Q)``: what an input adds to an output"""


def _matrices(a: Tensor, b: Tensor, c: Tensor, steps: int) -> _Matrices:
    said = _orbit(c, a, steps + 1)
    kernel = (said[:, :-1] * b.unsqueeze(1)).sum(-1)
    return _Matrices(a, said, _orbit(b, a.mT, steps), triangle(kernel))


def _whole_rows(matrices: _Matrices, u: Tensor, initial: Tensor) -> tuple[Tensor, Tensor]:
    whole = u.shape[1] - u.shape[1] % BLOCK
    outputs, h = [], initial.transpose(0, 1)
    for part in (u[:, :whole], u[:, whole:]):
        if part.shape[1]:
            blocks = part.unflatten(1, (-1, min(BLOCK, part.shape[1])))
            s, h = _equal_blocks(matrices, blocks.permute(3, 0, 1, 2), h)
            outputs.append(s.permute(1, 2, 3, 0).flatten(1, 2))
    return torch.cat(outputs, dim=1), h.transpose(0, 1).contiguous()


def _equal_blocks(matrices: _Matrices, u: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    """``in_blocks`` for ``u (D, B, K, Q)``, K blocks of Q steps each, and ``h (D, B, S)``."""
    steps = u.shape[3]
    added = _product(u, matrices.left[:, :steps].flip(1))  # (D, B, K, S)
    over_block, before = torch.linalg.matrix_power(matrices.a, steps).mT, []
    for added_k in added.unbind(2):
        before.append(h)
        h = h @ over_block + added_k
    carried = _product(torch.stack(before, dim=2), matrices.said[:, 1 : steps + 1].mT)
    return convolve(u, matrices.triangle[:, :steps, :steps]) + carried, h


def _product(x: Tensor, matrix: Tensor) -> Tensor:
    """``x (D, B, K, i)`` times ``matrix (D, i, j)``: ``(D, B, K, j)``."""
    return torch.bmm(x.flatten(1, 2), matrix).unflatten(1, x.shape[1:3])


def _orbit(v: Tensor, matrix: Tensor, steps: int) -> Tensor:
    """``v, v M, v M^2, ...``: ``(D, steps, S)``, twice as many with every product."""
    found = v.unsqueeze(1)
    while found.shape[1] < steps:
        found = torch.cat([found, found @ matrix], dim=1)
        matrix = matrix @ matrix
    return found[:, :steps]
