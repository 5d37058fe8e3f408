"""Mamba's selective recurrence as one loop each way. The state stands as (S, E): the inner loops run over the channels.

For the way back the state between every ``STEPS`` steps and the next ones is kept; others are made again, a few at a
time. A segment that begins anew reads no state at its first step. Letters: B rows, T steps, K groups of ``STEPS``, E
channels, S numbers of state a channel. Each inner loop touches few arrays, so that the compiler can tell that they do
not overlap, and works on several numbers at once.
"""

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

import statewise.ops.compiled.plugs  # noqa: F401  tells numba what stands for exp
from statewise.contract.segments import Segments
from statewise.ops.compiled.compiler import as_array, jit
from statewise.ops.compiled.copying import copy_rows
from statewise.ops.compiled.elementary import exp
from statewise.ops.compiled.spans import spans

Array = np.ndarray[Any, Any]
STEPS = 16
"""Between two states that are kept: with S = 16, they are together no larger than u"""


class Loops(NamedTuple):
    """Forward and back over all rows, or the segments that they are cut into."""

    segments: Segments | None

    def forward(
        self, u: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor, initial: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """All outputs ``(B, T, E)``, the last state ``(B, E, S)``, and the states that are kept ``(K, S, E)``."""
        batch, time, channels = u.shape
        h, y = initial.mT.clone(memory_format=torch.contiguous_format), u.new_empty(u.shape)
        kept = u.new_empty(batch * time // STEPS, a.shape[1], channels)
        forward(spans(self.segments, batch, time), *map(as_array, (u, dt, a.t(), b, c, h, kept, y)))
        return y, h.mT.contiguous(), kept

    def gradients(
        self, dy: Tensor, d_last: Tensor, u: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor, initial: Tensor,
        kept: Tensor,
    ) -> tuple[Tensor, ...]:  # fmt: skip
        """Those of u, dt, a, b, c and the initial state."""
        carried = d_last.mT.clone(memory_format=torch.contiguous_format)
        grad_u, grad_dt, grad_b, grad_c = (torch.empty(x.shape, dtype=x.dtype) for x in (u, dt, b, c))
        grad_a = a.new_zeros(a.shape[1], a.shape[0])
        given = map(as_array, (dy, u, dt, a.t(), b, c, initial.mT, kept))
        found = (carried, grad_u, grad_dt, grad_a, grad_b, grad_c)
        _backward(spans(self.segments, *u.shape[:2]), *given, *map(as_array, found))
        return grad_u, grad_dt, grad_a.t(), grad_b, grad_c, carried.mT


@jit
def forward(spans: Array, u: Array, dt: Array, a: Array, b: Array, c: Array, h: Array, kept: Array, y: Array) -> None:
    """Writes all outputs ``y (B, T, E)``. ``h`` comes in as the state before each row and goes out as the one after."""
    driven = np.empty(u.shape[2], u.dtype)
    for segment in range(spans.shape[0]):
        row, start, end = spans[segment]
        group = (row * u.shape[1] + start) // STEPS
        for t in range(start, end):
            if t > start and (t - start) % STEPS == 0:
                copy_rows(h[row], kept[group + (t - start) // STEPS - 1])
            for e in range(driven.size):
                driven[e] = dt[row, t, e] * u[row, t, e]
                y[row, t, e] = 0
            for s in range(a.shape[0]):
                if t == start and start > 0:
                    for e in range(driven.size):
                        h[row, s, e] = driven[e] * b[row, t, s]
                else:
                    for e in range(driven.size):
                        h[row, s, e] = exp(dt[row, t, e] * a[s, e]) * h[row, s, e] + driven[e] * b[row, t, s]
                for e in range(driven.size):
                    y[row, t, e] += h[row, s, e] * c[row, t, s]


@jit
def _backward(
    spans: Array, grad_y: Array, u: Array, dt: Array, a: Array, b: Array, c: Array, initial: Array, kept: Array,
    carried: Array, grad_u: Array, grad_dt: Array, grad_a: Array, grad_b: Array, grad_c: Array,
) -> None:  # fmt: skip
    """``carried`` comes in as the cotangent of the last state and goes out as that of the initial one."""
    states = np.empty((STEPS + 1, *a.shape), u.dtype)
    keep = np.empty((STEPS, *a.shape), u.dtype)
    for segment in range(spans.shape[0] - 1, -1, -1):
        row, first, last = spans[segment]
        group = (row * u.shape[1] + first) // STEPS
        for back in range((last - first - 1) // STEPS, -1, -1):
            start = first + back * STEPS
            end = min(start + STEPS, last)
            if back > 0:
                copy_rows(kept[group + back - 1], states[0])
            elif first > 0:
                states[0] = 0
            else:
                copy_rows(initial[row], states[0])
            for t in range(start, end):
                _advance(u[row, t], dt[row, t], a, b[row, t], states[t - start], keep[t - start], states[t - start + 1])
            for t in range(end - 1, start - 1, -1):
                _retreat(
                    grad_y[row, t], u[row, t], dt[row, t], a, b[row, t], c[row, t],
                    states[t - start], keep[t - start], states[t - start + 1],
                    carried[row], grad_u[row, t], grad_dt[row, t], grad_a, grad_b[row, t], grad_c[row, t],
                )  # fmt: skip
        if first > 0:
            carried[row] = 0


@jit
def _advance(u: Array, dt: Array, a: Array, b: Array, h: Array, keep: Array, h_next: Array) -> None:
    """One step of a row, and how much of each number is kept."""
    for s in range(a.shape[0]):
        for e in range(u.size):
            keep[s, e] = exp(dt[e] * a[s, e])
        for e in range(u.size):
            h_next[s, e] = keep[s, e] * h[s, e] + dt[e] * u[e] * b[s]


@jit
def _retreat(
    grad_y: Array, u: Array, dt: Array, a: Array, b: Array, c: Array, h: Array, keep: Array, h_next: Array,
    carried: Array, grad_u: Array, grad_dt: Array, grad_a: Array, grad_b: Array, grad_c: Array,
) -> None:  # fmt: skip
    """The same back: with g = carried + grad_y c the cotangent of h', that of the exponent dt a is g h keep."""
    g, exponent, driven = np.empty_like(u), np.empty_like(u), np.zeros_like(u)
    grad_dt[:] = 0
    for s in range(a.shape[0]):
        for_b, for_c = u.dtype.type(0), u.dtype.type(0)
        for e in range(u.size):
            g[e] = carried[s, e] + grad_y[e] * c[s]
        for e in range(u.size):
            for_c += grad_y[e] * h_next[s, e]
            for_b += g[e] * dt[e] * u[e]
        grad_b[s], grad_c[s] = for_b, for_c
        for e in range(u.size):
            driven[e] += g[e] * b[s]
        for e in range(u.size):
            carried[s, e] = g[e] * keep[s, e]
        for e in range(u.size):
            exponent[e] = carried[s, e] * h[s, e]
        for e in range(u.size):
            grad_dt[e] += exponent[e] * a[s, e]
        for e in range(u.size):
            grad_a[s, e] += exponent[e] * dt[e]
    for e in range(u.size):
        grad_u[e] = driven[e] * dt[e]
    for e in range(u.size):
        grad_dt[e] += driven[e] * u[e]
