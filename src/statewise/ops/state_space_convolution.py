"""Many state-space models at once, one a channel, each with a matrix that is diagonal but for a rank of one.

    h_t = h_{t-1} + (change * h_{t-1} - p r_t + b u_t),    r_t = 2 Re(sum_n q_n h_{t-1,n})
    s_t = 2 Re(sum_n c_n h_{t,n})

Each of the N complex states stands for a conjugate pair, which is why r and s are real. What a step adds is asked for,
since its matrix is next to 1 where a system is slow: rounded, 1 + change would have lost the digits that say how slow.

On CPUs with numba one compiled loop each way goes from step to step, takes resets as they lie, and makes the states
that it needs once more on the way back; on GPUs one Triton kernel each way does, which so far was run by Triton's
interpreter alone, on no GPU. The other fast form is a convolution inside each block of time and a recurrence
between blocks, of the S = 2N real numbers that the states are. With A = 1 + M their matrix, ``(S, S)``, for a block of
Q steps and h_0 the state before it:

    s_q = sum_{r <= q} k_{q-r} u_r + (c A^{q+1}) . h_0,    k_j = c A^j b
    h_Q = A^Q h_0 + sum_r A^{Q-1-r} b u_r

c A^j and A^j b are unrolled by doubling (Gu, Goel & Re 2022, arXiv 2111.00396, eq. 5, whose kernel this is, in blocks),
and of the powers of A what they are more than 1 is found: A^2 - 1 = 2 M + M^2.
"""

from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from statewise.autocast import unrounded
from statewise.contract.segments import Segments, segment_by_segment
from statewise.ops.checkpointed import checkpointed
from statewise.ops.compiled.compiler import compiled_loops_serve
from statewise.ops.diagonal_convolution import LANES, convolve, triangle
from statewise.ops.forms import Forms
from statewise.ops.gpu.serving import kernels_serve
from statewise.ops.shapes import Shapes

BLOCK = 32
"""Steps in a block: the kernel costs D S^2 log Q products of numbers, and there are T / Q steps between blocks."""

SHAPES = Shapes(
    "state_space_convolution",
    {"u": "B T D", "change": "D N", "p": "D N", "q": "D N", "b": "D N", "c": "D N", "initial": "B D N"},
)


def state_space_convolution(
    u: Tensor, change: Tensor, p: Tensor, q: Tensor, b: Tensor, c: Tensor, initial: Tensor,
    segments: Segments | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """The outputs of one state-space model a channel, going on from a state.

    Args:
        u: ``(B, T, D)`` real, T >= 1.
        change: ``(D, N)`` complex, like all that follow: the diagonal, less one.
        p: ``(D, N)``, and
        q: ``(D, N)``: the rank of one.
        b: ``(D, N)``.
        c: ``(D, N)``.
        initial: ``(B, D, N)``, the state before the first step.
        segments: that begin anew, from zeros, inside the rows.

    Returns:
        ``s (B, T, D)`` and the state after the last step, ``(B, D, N)``. Gradients flow to all but the segments; the
        compiled loop and the kernel refuse a second derivative.

    >>> half, one, none = (torch.full((1, 1), value + 0j) for value in (0.5, 1.0, 0.0))
    >>> start = torch.zeros(1, 1, 1) + 0j
    >>> s, h = state_space_convolution(torch.ones(1, 3, 1), -half, none, none, one, one / 2, start)
    >>> s.flatten(), h.flatten()
    (tensor([1.0000, 1.5000, 1.7500]), tensor([1.7500+0.j]))
    """
    SHAPES.check(u, change, p, q, b, c, initial, segments=segments)
    return FORMS(u, change, p, q, b, c, initial, segments)


def reference(
    u: Tensor, change: Tensor, p: Tensor, q: Tensor, b: Tensor, c: Tensor, initial: Tensor,
    segments: Segments | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """The equation, step by step: what every other form must equal."""
    if segments is not None:
        return segment_by_segment(lambda rows, h: reference(rows, change, p, q, b, c, h), u, initial, segments)
    h, outputs = initial, []
    for u_t in u.unbind(1):
        r = 2 * (q * h).sum(-1, keepdim=True).real
        h = h + (change * h - p * r + b * u_t.unsqueeze(-1))
        outputs.append(2 * (c * h).sum(-1).real)
    return torch.stack(outputs, dim=1), h


def in_blocks(
    u: Tensor, change: Tensor, p: Tensor, q: Tensor, b: Tensor, c: Tensor, initial: Tensor,
    segments: Segments | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Blocks of equal length, then what is left."""
    with unrounded(u):
        given = _matrix(change, p, q), _numbers(b), 2 * _numbers(c.conj().resolve_conj())
        run = partial(_whole_rows, _matrices(*given, min(BLOCK, u.shape[1])))
        before = _numbers(initial)
        s, h = run(u, before) if segments is None else segment_by_segment(run, u, before, segments)
        return s, torch.complex(*h.unflatten(-1, (-1, 2)).unbind(-1))


def compiled(
    u: Tensor, change: Tensor, p: Tensor, q: Tensor, b: Tensor, c: Tensor, initial: Tensor,
    segments: Segments | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """As one compiled loop each way, with numba and on a CPU; all arguments of one precision."""
    from statewise.ops.compiled.low_rank import Loops

    return checkpointed("state_space_convolution", Loops(segments), u, change, p, q, b, c, initial)


def triton(
    u: Tensor, change: Tensor, p: Tensor, q: Tensor, b: Tensor, c: Tensor, initial: Tensor,
    segments: Segments | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """As one kernel each way, with Triton and on a GPU; all arguments of one precision."""
    from statewise.ops.gpu.diagonal import LowRankModels

    return checkpointed("state_space_convolution", LowRankModels(segments), u, change, p, q, b, c, initial)


def rule(
    u: Tensor, change: Tensor, p: Tensor, q: Tensor, b: Tensor, c: Tensor, initial: Tensor,
    segments: Segments | None = None,
) -> str:  # fmt: skip
    """Which form runs: the kernel made for the device where it can, on a CPU not for few channels unless reset."""
    complex_ones = (change, p, q, b, c, initial)
    if u.is_complex() or any(x.dtype != u.dtype.to_complex() for x in complex_ones):
        return "in_blocks"
    if kernels_serve(u, *complex_ones):
        return "triton"
    if segments is None and change.shape[0] < LANES:
        return "in_blocks"
    return "compiled" if compiled_loops_serve(u, *complex_ones) else "in_blocks"


FORMS = Forms(
    "state_space_convolution",
    {"reference": reference, "in_blocks": in_blocks, "compiled": compiled, "triton": triton},
    rule,
)


class _Matrices(NamedTuple):
    """What a block of Q steps is multiplied with; a shorter one takes what it needs of it."""

    change: Tensor
    """``(D, S, S)``: M"""
    said: Tensor
    """``(D, Q + 1, S)``: c A^j, from 0 on"""
    left: Tensor
    """``(D, Q, S)``: A^j b"""
    triangle: Tensor
    """``(D, Q, Q)``: what an input adds to an output"""


def _numbers(x: Tensor) -> Tensor:
    """Complex ``(..., N)`` as the real ``(..., S)`` that they are."""
    return torch.view_as_real(x.resolve_conj()).flatten(-2)


def _matrix(change: Tensor, p: Tensor, q: Tensor) -> Tensor:
    """M ``(D, S, S)``: what a step adds for each of the S numbers, one a column."""
    size = 2 * change.shape[1]
    ones = torch.eye(size, dtype=change.real.dtype, device=change.device).view(size, 1, -1, 2)
    h = torch.view_as_complex(ones)
    return _numbers(change * h - p * (2 * (q * h).sum(-1, keepdim=True).real)).permute(1, 2, 0)


def _matrices(change: Tensor, b: Tensor, c: Tensor, steps: int) -> _Matrices:
    said = _orbit(c, change, steps + 1)
    kernel = (said[:, :-1] * b.unsqueeze(1)).sum(-1)
    return _Matrices(change, said, _orbit(b, change.mT, steps), triangle(kernel))


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
    over_block, before = _over(matrices.change, steps).mT, []
    for added_k in added.unbind(2):
        before.append(h)
        h = h + (h @ over_block + added_k)
    carried = _product(torch.stack(before, dim=2), matrices.said[:, 1 : steps + 1].mT)
    return convolve(u, matrices.triangle[:, :steps, :steps]) + carried, h


def _product(x: Tensor, matrix: Tensor) -> Tensor:
    """``x (D, B, K, i)`` times ``matrix (D, i, j)``: ``(D, B, K, j)``."""
    return torch.bmm(x.flatten(1, 2), matrix).unflatten(1, x.shape[1:3])


def _orbit(v: Tensor, change: Tensor, steps: int) -> Tensor:
    """``v, v A, v A^2, ...`` with A = 1 + ``change``: ``(D, steps, S)``, twice as many with every product."""
    found = v.unsqueeze(1)
    while found.shape[1] < steps:
        found = torch.cat([found, found + found @ change], dim=1)
        change = _twice(change)
    return found[:, :steps]


def _over(change: Tensor, steps: int) -> Tensor:
    """A^steps - 1, with A = 1 + ``change``: (1 + x) (1 + y) - 1 = x + y + x y."""
    found = torch.zeros_like(change)
    while steps:
        if steps % 2:
            found = found + change + found @ change
        change, steps = _twice(change), steps // 2
    return found


def _twice(change: Tensor) -> Tensor:
    """A^2 - 1."""
    return 2 * change + change @ change
