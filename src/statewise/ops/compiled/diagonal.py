"""Many diagonal state-space models as one loop each way, of ``LANES`` channels at once.

Steps are worked on ``STEPS`` at a time. One state a channel after the other is carried from the first of them to the
last, so that what belongs to it stays in the fastest memory. For the way back the state before every ``STEPS`` steps is
kept; the states between are made again. Rows that begin anew are no shorter for it: the lanes of a step say whether the
state before it counts, and where it never counts, loops are run that do not ask.

The innermost loops run over the lanes and touch few arrays, each at distances that are known when they are compiled: so
the compiler can tell that they do not overlap.

Letters: B rows, T steps, D channels, G groups of ``LANES`` channels, N states a channel, L lanes; m, what a step
changes, is abar - 1.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from statewise.contract.segments import Segments
from statewise.ops.compiled.compiler import as_array, in_order, jit
from statewise.ops.compiled.copying import copy_row, copy_rows
from statewise.ops.compiled.spans import marks_of

Array = np.ndarray[Any, Any]
Number = Any
LANES = L = 16
"""Channels that are worked on at once: the widest vectors of a CPU hold so many numbers in float32"""
STEPS = 32
"""Between two states that are kept: with N = 16, they are together as large as u"""
TOGETHER = 4
"""Steps for which coefficients and state are loaded once; a divisor of ``STEPS``"""


class Loops(NamedTuple):
    """Forward and back over all rows, or the segments that they are cut into."""

    segments: Segments | None

    def forward(
        self, u: Tensor, change: Tensor, b: Tensor, c: Tensor, initial: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """All outputs ``(B, T, D)``, the last state ``(B, D, N)``, and those that are kept ``(B, K, G, N, 2L)``."""
        batch, time, channels = u.shape
        h, y = in_lanes(initial), u.new_empty(u.shape)
        kept = u.new_empty(batch, (time - 1) // STEPS, *h.shape[1:])
        _forward(marks_of(self.segments, batch), *map(as_array, (u, _coefficients(change, b, c), h, kept, y)))
        return y, from_lanes(h, channels), kept

    def gradients(
        self, dy: Tensor, d_last: Tensor, u: Tensor, change: Tensor, b: Tensor, c: Tensor, initial: Tensor, kept: Tensor
    ) -> tuple[Tensor, ...]:
        """Those of u, change, b, c and the initial state."""
        batch, _, channels = u.shape
        coefficients, carried, grad_u = _coefficients(change, b, c), in_lanes(d_last), u.new_empty(u.shape)
        sums = torch.zeros_like(coefficients)
        given = (dy, u, coefficients, in_lanes(initial), kept)
        _backward(marks_of(self.segments, batch), *map(as_array, (*given, carried, grad_u, sums)))
        grad_change, grad_b, grad_c = (from_lanes(part, channels) for part in sums.chunk(3, dim=-1))
        return grad_u, grad_change, grad_b, 2 * grad_c, from_lanes(carried, channels)


def in_lanes(x: Tensor) -> Tensor:
    """Complex ``(..., D, N)`` as real ``(..., G, N, 2L)``: L real parts, L imaginary ones; zeros for no channel."""
    pairs = F.pad(torch.view_as_real(x.resolve_conj()), (0, 0, 0, 0, 0, -x.shape[-2] % LANES))
    lanes = pairs.unflatten(-3, (-1, LANES)).movedim(-3, -1)
    return lanes.flatten(-2).clone(memory_format=torch.contiguous_format)


def from_lanes(x: Tensor, channels: int) -> Tensor:
    """``in_lanes`` back."""
    pairs = x.unflatten(-1, (2, LANES)).movedim(-1, -3).flatten(-4, -3)
    return torch.view_as_complex(pairs[..., :channels, :, :].contiguous())


def _coefficients(change: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """``(G, N, 6L)``: change, b and 2 c."""
    return torch.cat([in_lanes(change), in_lanes(b), in_lanes(2 * c)], dim=-1)


@jit
def _forward(marks: Array, u: Array, coefficients: Array, h: Array, kept: Array, y: Array) -> None:
    """``h`` comes in as the state before each row and goes out as the one after it."""
    flow, asked = np.ones((STEPS, 3 * L), u.dtype), np.zeros(STEPS // TOGETHER, np.bool_)
    for row in range(u.shape[0]):
        for group in range(coefficients.shape[0]):
            for start in range(0, u.shape[1], STEPS):
                end = min(start + STEPS, u.shape[1])
                if start > 0:
                    copy_rows(h[row, group], kept[row, start // STEPS - 1, group])
                take(u, row, start, end, group * L, flow)
                flow[: end - start, L : 2 * L] = 0
                _ask(marks[row, start:end], flow[:, 2 * L :], asked)
                for n in range(coefficients.shape[1]):
                    _carry(flow, coefficients[group, n], h[row, group, n], end - start, asked)
                hand_out(flow[:, L:], y, row, start, end, group * L)


@jit
def _backward(
    marks: Array, grad_y: Array, u: Array, coefficients: Array, initial: Array, kept: Array,
    carried: Array, grad_u: Array, sums: Array,
) -> None:  # fmt: skip
    """``carried`` comes in as the cotangent of the last state and goes out as that of the initial one."""
    flow, asked = np.ones((STEPS, 4 * L), u.dtype), np.zeros(STEPS // TOGETHER, np.bool_)
    states = np.zeros((STEPS + 1, 2 * L), u.dtype)
    for row in range(u.shape[0]):
        for group in range(coefficients.shape[0]):
            for start in range((u.shape[1] - 1) // STEPS * STEPS, -1, -STEPS):
                end = min(start + STEPS, u.shape[1])
                take(u, row, start, end, group * L, flow)
                take(grad_y, row, start, end, group * L, flow[:, L:])
                flow[: end - start, 2 * L : 3 * L] = 0
                _ask(marks[row, start:end], flow[:, 3 * L :], asked)
                for n in range(coefficients.shape[1]):
                    copy_row(
                        kept[row, start // STEPS - 1, group, n] if start > 0 else initial[row, group, n], states[0]
                    )
                    own, going = coefficients[group, n], carried[row, group, n]
                    _return(flow, states, own, going, sums[group, n], end - start, asked)
                hand_out(flow[:, 2 * L :], grad_u, row, start, end, group * L)


@jit
def _ask(marks: Array, counts: Array, asked: Array) -> None:
    """Into ``counts`` 1 where the state before a step counts, 0 where a row begins anew; and which steps are to ask."""
    for some in range(asked.shape[0]):
        asked[some] = marks[some * TOGETHER : (some + 1) * TOGETHER].any()
    for t in range(marks.shape[0]):
        for lane in range(L):
            counts[t, lane] = 1 - marks[t]


@jit
def take(x: Array, row: int, start: int, end: int, first: int, into: Array) -> None:
    """The channels from ``first`` on into as many lanes; where there are too few, what is in the others stays."""
    for t in range(start, end):
        for lane in range(min(L, x.shape[2] - first)):
            into[t - start, lane] = x[row, t, first + lane]


@jit
def hand_out(found: Array, x: Array, row: int, start: int, end: int, first: int) -> None:
    """Back again."""
    for t in range(start, end):
        for lane in range(min(L, x.shape[2] - first)):
            x[row, t, first + lane] = found[t - start, lane]


@in_order
def plus(x: Number, change: Number) -> Number:
    """``x + change``, rounded once: the parts of a small change are not added to x one by one."""
    return x + change


def _carried_over(steps: int, *, asking: bool) -> Callable[..., None]:
    """The loop of some steps and one state of all lanes: ``flow`` is u, outputs, which it adds to, and what counts."""

    @jit
    def loop(flow: Array, p: Array, h: Array) -> None:
        for e in range(L):
            m, m_i, b, b_i, c, c_i = p[e], p[L + e], p[2 * L + e], p[3 * L + e], p[4 * L + e], p[5 * L + e]
            real, imag = h[e], h[L + e]
            for t in range(steps):
                u, counts = flow[3 * L * t + e], flow[3 * L * t + 2 * L + e]
                if asking and counts == 0:
                    real, imag = counts, counts
                by, by_i = m * real - m_i * imag + b * u, m * imag + m_i * real + b_i * u
                real, imag = plus(real, by), plus(imag, by_i)
                flow[3 * L * t + L + e] += c * real - c_i * imag
            h[e], h[L + e] = real, imag

    return loop


def _made_again(steps: int, *, asking: bool) -> Callable[..., None]:
    """The loop that writes the states after so many steps behind the one before them."""

    @jit
    def loop(flow: Array, p: Array, h: Array) -> None:
        for e in range(L):
            m, m_i, b, b_i = p[e], p[L + e], p[2 * L + e], p[3 * L + e]
            real, imag = h[e], h[L + e]
            for t in range(steps):
                u, counts = flow[4 * L * t + e], flow[4 * L * t + 3 * L + e]
                if asking and counts == 0:
                    real, imag = counts, counts
                by, by_i = m * real - m_i * imag + b * u, m * imag + m_i * real + b_i * u
                real, imag = plus(real, by), plus(imag, by_i)
                h[2 * L * t + 2 * L + e], h[2 * L * t + 3 * L + e] = real, imag

    return loop


def _returned(steps: int, *, asking: bool) -> Callable[..., None]:
    """The loop back: ``flow`` is u, cotangents of outputs and of u, and what counts; it adds to those of u and sums."""

    @jit
    def loop(flow: Array, h: Array, p: Array, carried: Array, sums: Array) -> None:
        for e in range(L):
            m, m_i, b, b_i, c, c_i = p[e], p[L + e], p[2 * L + e], p[3 * L + e], p[4 * L + e], p[5 * L + e]
            of_m, of_m_i, of_b, of_b_i = sums[e], sums[L + e], sums[2 * L + e], sums[3 * L + e]
            of_c, of_c_i = sums[4 * L + e], sums[5 * L + e]
            g, g_i = carried[e], carried[L + e]
            for back in range(steps):
                t = steps - 1 - back
                u, grad_y, counts = flow[4 * L * t + e], flow[4 * L * t + L + e], flow[4 * L * t + 3 * L + e]
                before, before_i = h[2 * L * t + e], h[2 * L * t + L + e]
                if asking and counts == 0:
                    before, before_i = counts, counts
                g, g_i = g + c * grad_y, g_i - c_i * grad_y
                of_m, of_m_i = of_m + (g * before + g_i * before_i), of_m_i + (g_i * before - g * before_i)
                of_b, of_b_i = of_b + g * u, of_b_i + g_i * u
                of_c += grad_y * h[2 * L * t + 2 * L + e]
                of_c_i -= grad_y * h[2 * L * t + 3 * L + e]
                flow[4 * L * t + 2 * L + e] += b * g + b_i * g_i
                g, g_i = plus(g, m * g + m_i * g_i), plus(g_i, m * g_i - m_i * g)
                if asking and counts == 0:
                    g, g_i = counts, counts
            carried[e], carried[L + e] = g, g_i
            sums[e], sums[L + e], sums[2 * L + e], sums[3 * L + e] = of_m, of_m_i, of_b, of_b_i
            sums[4 * L + e], sums[5 * L + e] = of_c, of_c_i

    return loop


_carry_one, _carry_some = _carried_over(1, asking=True), _carried_over(TOGETHER, asking=True)
_make_one, _make_some = _made_again(1, asking=True), _made_again(TOGETHER, asking=True)
_return_one, _return_some = _returned(1, asking=True), _returned(TOGETHER, asking=True)
_carry_all, _make_all, _return_all = (make(TOGETHER, asking=False) for make in (_carried_over, _made_again, _returned))


@jit
def _carry(flow: Array, p: Array, h: Array, steps: int, asked: Array) -> None:
    """One state of each channel over some steps."""
    together = flow.reshape(STEPS // TOGETHER, TOGETHER * 3 * L)
    for some in range(steps // TOGETHER):
        if asked[some]:
            _carry_some(together[some], p, h)
        else:
            _carry_all(together[some], p, h)
    for t in range(steps - steps % TOGETHER, steps):
        _carry_one(flow[t], p, h)


@jit
def _return(flow: Array, states: Array, p: Array, carried: Array, sums: Array, steps: int, asked: Array) -> None:
    """The states once more from the first on, and back from the last."""
    together = flow.reshape(STEPS // TOGETHER, TOGETHER * 4 * L)
    h, single = states.reshape(-1), steps - steps % TOGETHER
    for some in range(steps // TOGETHER):
        if asked[some]:
            _make_some(together[some], p, h[some * TOGETHER * 2 * L :])
        else:
            _make_all(together[some], p, h[some * TOGETHER * 2 * L :])
    for t in range(single, steps):
        _make_one(flow[t], p, h[t * 2 * L :])
    for t in range(steps - 1, single - 1, -1):
        _return_one(flow[t], h[t * 2 * L :], p, carried, sums)
    for some in range(steps // TOGETHER - 1, -1, -1):
        if asked[some]:
            _return_some(together[some], h[some * TOGETHER * 2 * L :], p, carried, sums)
        else:
            _return_all(together[some], h[some * TOGETHER * 2 * L :], p, carried, sums)
