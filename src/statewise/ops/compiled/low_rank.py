"""State-space models of which each is diagonal but for a rank of one, as one loop each way, ``LANES`` channels at once.

What the rank of one adds to a state hangs on all states of the step before, so that time is the outer loop. What a
state is made of lies beside it in one array, and the innermost loops run over the lanes of ``TOGETHER`` states: so the
compiler sees that nothing overlaps. For the way back the state before every ``STEPS`` steps is kept; the states between
are made again.

Letters: B rows, T steps, D channels, G groups of ``LANES`` channels, N states a channel, L lanes; m, the diagonal less
one, is what a step changes.
"""

from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from statewise.contract.segments import Segments
from statewise.ops.compiled.compiler import as_array, jit
from statewise.ops.compiled.diagonal import LANES, from_lanes, hand_out, in_lanes, plus, take
from statewise.ops.compiled.spans import marks_of

Array = np.ndarray[Any, Any]
L = LANES
STEPS = 16
"""Between two states that are kept: with N = 8, they are together as large as u"""
TOGETHER = 8
"""States that are worked on at once, or steps of one state; a divisor of ``STEPS``"""
WIDTH = 12 * L
"""Of what belongs to a state, each as real parts, then imaginary ones: change, p, 2 q, b, 2 c and the state itself"""
KEPT = 6 * L
"""Of a state at a step on the way back, likewise: before it, after it, and the cotangent of the latter"""


class Loops(NamedTuple):
    """Forward and back over all rows, which begin anew where they are reset."""

    segments: Segments | None

    def forward(
        self, u: Tensor, change: Tensor, p: Tensor, q: Tensor, b: Tensor, c: Tensor, initial: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """All outputs ``(B, T, D)``, the last state ``(B, D, N)``, and those that are kept ``(B, K, G, N, 2L)``."""
        (batch, time, channels), states = u.shape, change.shape[1]
        h, y = padded(initial), u.new_empty(u.shape)
        kept = u.new_empty(batch, (time - 1) // STEPS, *h.shape[1:])
        work = coefficients(change, p, q, b, c)
        forward(marks_of(self.segments, batch), *map(as_array, (u, work, h, kept, y)))
        return y, from_lanes(h, channels)[..., :states].clone(), kept

    def gradients(
        self, dy: Tensor, d_last: Tensor, u: Tensor, change: Tensor, p: Tensor, q: Tensor, b: Tensor, c: Tensor,
        initial: Tensor, kept: Tensor,
    ) -> tuple[Tensor, ...]:  # fmt: skip
        """Those of u, change, p, q, b, c and the initial state."""
        channels, states = change.shape
        work, carried, grad_u = coefficients(change, p, q, b, c), padded(d_last), u.new_empty(u.shape)
        sums = work.new_zeros(*work.shape[:2], WIDTH - 2 * L)
        given = (dy, u, work, padded(initial), kept, carried, grad_u, sums)
        _backward(marks_of(self.segments, len(u)), *map(as_array, given))
        found = (from_lanes(part, channels)[..., :states] for part in (*sums.chunk(5, dim=-1), carried))
        grad_change, grad_p, grad_q, grad_b, grad_c, grad_initial = found
        return grad_u, grad_change, grad_p, 2 * grad_q, grad_b, 2 * grad_c, grad_initial


def padded(x: Tensor) -> Tensor:
    """``in_lanes`` with a multiple of ``TOGETHER`` states; those that there are not do nothing."""
    return in_lanes(F.pad(x, (0, -x.shape[-1] % TOGETHER)))


def coefficients(change: Tensor, p: Tensor, q: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """``(G, N, 12L)``, with room for the state."""
    return torch.cat([padded(x) for x in (change, p, 2 * q, b, 2 * c, torch.zeros_like(change))], dim=-1)


@jit
def forward(marks: Array, u: Array, work: Array, h: Array, kept: Array, y: Array) -> None:
    """Writes all outputs ``y (B, T, D)``. ``h`` comes in as the state before each row and goes out as that after it."""
    flow = np.zeros((STEPS + 1, 3 * L), u.dtype)
    by_step = flow.reshape(-1)
    for row in range(u.shape[0]):
        for group in range(work.shape[0]):
            own = work[group]
            blocks = own.reshape(-1, TOGETHER * WIDTH)
            _put(h[row, group], own)
            for start in range(0, u.shape[1], STEPS):
                end = min(start + STEPS, u.shape[1])
                if start > 0:
                    _get(own, kept[row, start // STEPS - 1, group])
                take(u, row, start, end, group * L, flow)
                flow[: end - start + 1, L:] = 0
                _sum(flow[0, 2 * L :], own)
                for t in range(end - start):
                    if marks.shape[1] and marks[row, start + t]:
                        own[:, 10 * L :] = 0
                        flow[t, 2 * L :] = 0
                    for block in range(blocks.shape[0]):
                        _step(by_step[t * 3 * L :], blocks[block])
                hand_out(flow[:, L:], y, row, start, end, group * L)
            _get(own, h[row, group])


@jit
def _put(h: Array, own: Array) -> None:
    for n in range(h.shape[0]):
        for e in range(2 * L):
            own[n, 10 * L + e] = h[n, e]


@jit
def _get(own: Array, h: Array) -> None:
    for n in range(h.shape[0]):
        for e in range(2 * L):
            h[n, e] = own[n, 10 * L + e]


@jit
def _sum(r: Array, own: Array) -> None:
    """r of the step to come."""
    for n in range(own.shape[0]):
        for e in range(L):
            r[e] += own[n, 4 * L + e] * own[n, 10 * L + e] - own[n, 5 * L + e] * own[n, 11 * L + e]


@jit
def _step(flow: Array, w: Array) -> None:
    """One step of ``TOGETHER`` states: ``flow`` is u, s and r of it, then of the next; it adds to s and the next r."""
    for e in range(L):
        u, s, r, later = flow[e], flow[L + e], flow[2 * L + e], flow[5 * L + e]
        for n in range(TOGETHER):
            i = n * WIDTH + e
            real, imag = w[i + 10 * L], w[i + 11 * L]
            m, m_i = w[i], w[i + L]
            new = plus(real, m * real - m_i * imag - w[i + 2 * L] * r + w[i + 6 * L] * u)
            new_i = plus(imag, m * imag + m_i * real - w[i + 3 * L] * r + w[i + 7 * L] * u)
            s += w[i + 8 * L] * new - w[i + 9 * L] * new_i
            later += w[i + 4 * L] * new - w[i + 5 * L] * new_i
            w[i + 10 * L], w[i + 11 * L] = new, new_i
        flow[L + e], flow[5 * L + e] = s, later


@jit
def _backward(
    marks: Array, grad_y: Array, u: Array, work: Array, initial: Array, kept: Array, carried: Array, grad_u: Array,
    sums: Array,
) -> None:  # fmt: skip
    """``carried`` comes in as the cotangent of the last state and goes out as that of the initial one."""
    flow = np.zeros((STEPS + 1, 5 * L), u.dtype)
    past = np.zeros((work.shape[1], STEPS + 1, KEPT), u.dtype)
    by_step, by_block = flow.reshape(-1), past.reshape(-1, TOGETHER * (STEPS + 1) * KEPT)
    by_state = past.reshape(work.shape[1], -1)
    for row in range(u.shape[0]):
        for group in range(work.shape[0]):
            own, carry = work[group], carried[row, group]
            blocks, carries = own.reshape(-1, TOGETHER * WIDTH), carry.reshape(-1, TOGETHER * 2 * L)
            for start in range((u.shape[1] - 1) // STEPS * STEPS, -1, -STEPS):
                end = min(start + STEPS, u.shape[1])
                flow[:] = 0
                take(u, row, start, end, group * L, flow)
                take(grad_y, row, start, end, group * L, flow[:, L:])
                past[:, end - start :] = 0
                _open(initial[row, group] if start == 0 else kept[row, start // STEPS - 1, group], own, flow, past)
                for t in range(end - start):
                    if marks.shape[1] and marks[row, start + t]:
                        past[:, t, : 2 * L] = 0
                        flow[t, 3 * L : 4 * L] = 0
                    for block in range(blocks.shape[0]):
                        _again(by_step[t * 5 * L :], blocks[block], by_block[block, t * KEPT :])
                for t in range(end - start - 1, -1, -1):
                    for block in range(blocks.shape[0]):
                        _back(by_step[t * 5 * L :], blocks[block], by_block[block, t * KEPT :], carries[block])
                    for block in range(blocks.shape[0]):
                        _onward(by_step[t * 5 * L :], blocks[block], by_block[block, t * KEPT :], carries[block])
                    if marks.shape[1] and marks[row, start + t]:
                        carry[:] = 0
                        flow[t, 4 * L :] = 0
                for n in range(own.shape[0]):
                    for t in range(0, end - start, TOGETHER):
                        _sum_up(by_step[t * 5 * L :], by_state[n, t * KEPT :], sums[group, n])
                hand_out(flow[:, 2 * L :], grad_u, row, start, end, group * L)


@jit
def _open(h: Array, own: Array, flow: Array, past: Array) -> None:
    """The state before the first step, and its r."""
    for n in range(h.shape[0]):
        for e in range(2 * L):
            past[n, 0, e] = h[n, e]
        for e in range(L):
            flow[0, 3 * L + e] += own[n, 4 * L + e] * h[n, e] - own[n, 5 * L + e] * h[n, L + e]


@jit
def _again(flow: Array, w: Array, past: Array) -> None:
    """One step of ``TOGETHER`` states once more; of ``flow`` see ``_back``, it adds to the next r."""
    for e in range(L):
        u, r, later = flow[e], flow[3 * L + e], flow[8 * L + e]
        for n in range(TOGETHER):
            i, k = n * WIDTH + e, n * (STEPS + 1) * KEPT + e
            real, imag = past[k], past[k + L]
            m, m_i = w[i], w[i + L]
            new = plus(real, m * real - m_i * imag - w[i + 2 * L] * r + w[i + 6 * L] * u)
            new_i = plus(imag, m * imag + m_i * real - w[i + 3 * L] * r + w[i + 7 * L] * u)
            later += w[i + 4 * L] * new - w[i + 5 * L] * new_i
            past[k + 2 * L], past[k + 3 * L] = new, new_i
            past[k + KEPT], past[k + KEPT + L] = new, new_i
        flow[8 * L + e] = later


@jit
def _back(flow: Array, w: Array, past: Array, carry: Array) -> None:
    """The cotangents of states after a step: ``flow`` is u, the cotangents of s and of u, r, and its cotangent."""
    for e in range(L):
        grad_s, grad_u, grad_r = flow[L + e], flow[2 * L + e], flow[4 * L + e]
        for n in range(TOGETHER):
            i, k = n * WIDTH + e, n * (STEPS + 1) * KEPT + e
            g = carry[2 * L * n + e] + w[i + 8 * L] * grad_s
            g_i = carry[2 * L * n + L + e] - w[i + 9 * L] * grad_s
            grad_u += w[i + 6 * L] * g + w[i + 7 * L] * g_i
            grad_r -= w[i + 2 * L] * g + w[i + 3 * L] * g_i
            past[k + 4 * L], past[k + 5 * L] = g, g_i
        flow[2 * L + e], flow[4 * L + e] = grad_u, grad_r


@jit
def _onward(flow: Array, w: Array, past: Array, carry: Array) -> None:
    """What they and that of r make of the states before."""
    for e in range(L):
        r = flow[4 * L + e]
        for n in range(TOGETHER):
            i, k = n * WIDTH + e, n * (STEPS + 1) * KEPT + e
            g, g_i, m, m_i = past[k + 4 * L], past[k + 5 * L], w[i], w[i + L]
            carry[2 * L * n + e] = plus(g, m * g + m_i * g_i + w[i + 4 * L] * r)
            carry[2 * L * n + L + e] = plus(g_i, m * g_i - m_i * g - w[i + 5 * L] * r)


@jit
def _sum_up(flow: Array, past: Array, sums: Array) -> None:
    """The gradients of one state's coefficients over ``TOGETHER`` steps."""
    for e in range(L):
        of_m, of_m_i, of_p, of_p_i = sums[e], sums[L + e], sums[2 * L + e], sums[3 * L + e]
        of_q, of_q_i, of_b, of_b_i = sums[4 * L + e], sums[5 * L + e], sums[6 * L + e], sums[7 * L + e]
        of_c, of_c_i = sums[8 * L + e], sums[9 * L + e]
        for t in range(TOGETHER):
            i, k = 5 * L * t + e, KEPT * t + e
            u, grad_s, r, grad_r = flow[i], flow[i + L], flow[i + 3 * L], flow[i + 4 * L]
            before, before_i, g, g_i = past[k], past[k + L], past[k + 4 * L], past[k + 5 * L]
            of_m, of_m_i = of_m + (g * before + g_i * before_i), of_m_i + (g_i * before - g * before_i)
            of_p, of_p_i = of_p - r * g, of_p_i - r * g_i
            of_q, of_q_i = of_q + grad_r * before, of_q_i - grad_r * before_i
            of_b, of_b_i = of_b + u * g, of_b_i + u * g_i
            of_c += grad_s * past[k + 2 * L]
            of_c_i -= grad_s * past[k + 3 * L]
        sums[e], sums[L + e], sums[2 * L + e], sums[3 * L + e] = of_m, of_m_i, of_p, of_p_i
        sums[4 * L + e], sums[5 * L + e], sums[6 * L + e], sums[7 * L + e] = of_q, of_q_i, of_b, of_b_i
        sums[8 * L + e], sums[9 * L + e] = of_c, of_c_i
