"""Mamba's selective recurrence as one loop each way. The state stands as (S, E): the inner loops run over the channels.

For the way back the state before every ``STEPS`` steps is kept; the states between are made again, a few at a time.
Letters: B rows, T steps, K groups of ``STEPS`` of them, E channels, S numbers of state a channel. Each inner loop
touches few arrays, so that the compiler can tell that they do not overlap, and works on several numbers at once.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

import statewise.ops.compiled.plugs  # noqa: F401  tells numba what stands for exp
from statewise.ops.compiled.compiler import as_array, jit
from statewise.ops.compiled.elementary import exp

Array = np.ndarray[Any, Any]
STEPS = 16
"""Between two states that are kept: with S = 16, they are together as large as u"""


def forward(u: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor, initial: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """All outputs ``(B, T, E)``, the last state ``(B, E, S)``, and the states that are kept ``(B, K, S, E)``."""
    batch, time, channels = u.shape
    h = initial.mT.clone(memory_format=torch.contiguous_format)
    kept = u.new_empty(batch, -(-time // STEPS), a.shape[1], channels)
    y = u.new_empty(u.shape)
    _forward(*map(as_array, (u, dt, a.t(), b, c, h, kept, y)))
    return y, h.mT.contiguous(), kept


def gradients(
    grad_y: Tensor, grad_h: Tensor, u: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor, kept: Tensor
) -> tuple[Tensor, ...]:
    """Those of u, dt, a, b, c and the initial state."""
    carried = grad_h.mT.clone(memory_format=torch.contiguous_format)
    grad_u, grad_dt, grad_b, grad_c = (torch.empty(x.shape, dtype=x.dtype) for x in (u, dt, b, c))
    grad_a = a.new_zeros(a.shape[1], a.shape[0])
    given = map(as_array, (grad_y, u, dt, a.t(), b, c, kept))
    _backward(*given, *map(as_array, (carried, grad_u, grad_dt, grad_a, grad_b, grad_c)))
    return grad_u, grad_dt, grad_a.t(), grad_b, grad_c, carried.mT


@jit
def _forward(u: Array, dt: Array, a: Array, b: Array, c: Array, h: Array, kept: Array, y: Array) -> None:
    driven = np.empty(u.shape[2], u.dtype)
    for row in range(u.shape[0]):
        for t in range(u.shape[1]):
            if t % STEPS == 0:
                kept[row, t // STEPS] = h[row]
            for e in range(driven.size):
                driven[e] = dt[row, t, e] * u[row, t, e]
                y[row, t, e] = 0
            for s in range(a.shape[0]):
                for e in range(driven.size):
                    h[row, s, e] = exp(dt[row, t, e] * a[s, e]) * h[row, s, e] + driven[e] * b[row, t, s]
                for e in range(driven.size):
                    y[row, t, e] += h[row, s, e] * c[row, t, s]


@jit
def _backward(
    grad_y: Array, u: Array, dt: Array, a: Array, b: Array, c: Array, kept: Array,
    carried: Array, grad_u: Array, grad_dt: Array, grad_a: Array, grad_b: Array, grad_c: Array,
) -> None:  # fmt: skip
    """``carried`` comes in as the cotangent of the last state and goes out as that of the initial one."""
    states = np.empty((STEPS + 1, *a.shape), u.dtype)
    keep = np.empty((STEPS, *a.shape), u.dtype)
    for row in range(u.shape[0]):
        for group in range(kept.shape[1] - 1, -1, -1):
            start, end = group * STEPS, min((group + 1) * STEPS, u.shape[1])
            states[0] = kept[row, group]
            for t in range(start, end):
                _advance(u[row, t], dt[row, t], a, b[row, t], states[t - start], keep[t - start], states[t - start + 1])
            for t in range(end - 1, start - 1, -1):
                _retreat(
                    grad_y[row, t], u[row, t], dt[row, t], a, b[row, t], c[row, t],
                    states[t - start], keep[t - start], states[t - start + 1],
                    carried[row], grad_u[row, t], grad_dt[row, t], grad_a, grad_b[row, t], grad_c[row, t],
                )  # fmt: skip


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
