"""One step of a stream whose state is a matrix in every head, as loops.

Letters: B rows, N heads, K width of a key, V width of a value.
"""

from typing import Any

import numpy as np

import statewise.ops.compiled.plugs  # noqa: F401  tells numba what stands for exp and sigmoid
from statewise.ops.compiled.compiler import jit
from statewise.ops.compiled.elementary import exp, sigmoid
from statewise.ops.compiled.rows import measures

Array = np.ndarray[Any, Any]


@jit
def write_and_read(q: Array, k: Array, v: Array, a: Array, h: Array, y: Array) -> None:
    """h = a * h + k v^T, y = h^T q, of ``q`` and ``k (B, N, K)``, ``v (B, N, V)``, ``a (B, N, 1 or K)``.

    ``h (B, N, K, V)`` is overwritten, ``y (B, N, V)`` written.
    """
    for row in range(h.shape[0]):
        for n in range(h.shape[1]):
            for j in range(h.shape[3]):
                y[row, n, j] = 0
            for i in range(h.shape[2]):
                keep, key, asked = a[row, n, i % a.shape[2]], k[row, n, i], q[row, n, i]
                for j in range(h.shape[3]):
                    h[row, n, i, j] = keep * h[row, n, i, j] + key * v[row, n, j]
                for j in range(h.shape[3]):
                    y[row, n, j] += asked * h[row, n, i, j]


@jit
def read_and_write(q: Array, k: Array, v: Array, a: Array, bonus: Array, h: Array, y: Array) -> None:
    """y = (h + diag(bonus) k v^T)^T q, and then h = a * h + k v^T; ``bonus (N, K)``, ``a (B, N, K)``, else as above."""
    for row in range(h.shape[0]):
        for n in range(h.shape[1]):
            now = q.dtype.type(0)
            for i in range(h.shape[2]):
                now += q[row, n, i] * bonus[n, i] * k[row, n, i]
            for j in range(h.shape[3]):
                y[row, n, j] = now * v[row, n, j]
            for i in range(h.shape[2]):
                keep, key, asked = a[row, n, i], k[row, n, i], q[row, n, i]
                for j in range(h.shape[3]):
                    y[row, n, j] += asked * h[row, n, i, j]
                for j in range(h.shape[3]):
                    h[row, n, i, j] = keep * h[row, n, i, j] + key * v[row, n, j]


@jit
def replacement(k: Array, v: Array, a: Array, b: Array, h: Array, u: Array) -> None:
    """u = b (v - a h^T k) ``(B, N, V)``: what has to be written for a key to stand for v; ``a`` and ``b (B, N)``."""
    for row in range(h.shape[0]):
        for n in range(h.shape[1]):
            for j in range(h.shape[3]):
                u[row, n, j] = 0
            for i in range(h.shape[2]):
                for j in range(h.shape[3]):
                    u[row, n, j] += k[row, n, i] * h[row, n, i, j]
            keep, share = a[row, n], b[row, n]
            for j in range(h.shape[3]):
                u[row, n, j] = share * (v[row, n, j] - keep * u[row, n, j])


@jit
def by_head(scale: Array, factor: Array, x: Array, y: Array) -> None:
    """y = factor * scale * x, of ``scale (B, N)``, ``factor (1,)`` and ``x (B, N, K)``."""
    for row in range(x.shape[0]):
        for n in range(x.shape[1]):
            for j in range(x.shape[2]):
                y[row, n, j] = factor[0] * scale[row, n] * x[row, n, j]


@jit
def decay(x: Array, rate: Array, y: Array) -> None:
    """y = exp(-rate * x), of ``x (B, N)`` and ``rate (N,)``."""
    for row in range(x.shape[0]):
        for n in range(x.shape[1]):
            y[row, n] = exp(-rate[n] * x[row, n])


@jit
def decay_of_exponential(x: Array, y: Array) -> None:
    """y = exp(-exp(x))."""
    for row in range(x.shape[0]):
        for j in range(x.shape[1]):
            y[row, j] = exp(-exp(x[row, j]))


@jit
def normed_by_head(x: Array, gain: Array, bias: Array, epsilon: Array, y: Array) -> None:
    """y = gain * (x - mean) / sqrt(mean((x - mean)^2) + epsilon) + bias, of every ``x[row, n] (K,)``."""
    for row in range(x.shape[0]):
        for n in range(x.shape[1]):
            mean, scale = measures(x[row, n], x.dtype.type(1), epsilon[0])
            for j in range(x.shape[2]):
                y[row, n, j] = gain[n, j] * ((x[row, n, j] - mean) * scale) + bias[n, j]


@jit
def of_length_one(x: Array, y: Array, epsilon: Array) -> None:
    """y = x / sqrt(|x|^2 + epsilon), of every ``x[row, n] (K,)``."""
    for row in range(x.shape[0]):
        for n in range(x.shape[1]):
            total = epsilon[0]
            for j in range(x.shape[2]):
                total += x[row, n, j] * x[row, n, j]
            scale = x.dtype.type(1) / np.sqrt(total)
            for j in range(x.shape[2]):
                y[row, n, j] = scale * x[row, n, j]


@jit
def stabilise(log_i: Array, f: Array, m: Array, keep: Array, enter: Array) -> None:
    """m' = max(log f + m, log i), keep = exp(log f + m - m'), enter = exp(log i - m'), ``(B, N)`` each.

    ``f`` comes in as what the gate is the sigmoid of, ``m`` is overwritten.
    """
    zero = f.dtype.type(0)
    for row in range(m.shape[0]):
        for n in range(m.shape[1]):
            log_f = min(f[row, n], zero) - np.log1p(exp(-abs(f[row, n])))
            kept = log_f + m[row, n]
            m[row, n] = max(kept, log_i[row, n])
            keep[row, n], enter[row, n] = exp(kept - m[row, n]), exp(log_i[row, n] - m[row, n])


@jit
def gated_quotient(s: Array, total: Array, m: Array, o: Array, largest: Array, y: Array) -> None:
    """y = sigmoid(o) * s / max(|total|, exp(-m)), of ``s`` and ``o (B, N, K)``, ``total (B, N, 1)``, ``m (B, N)``.

    ``largest (1,)`` bounds the exponent to either side.
    """
    for row in range(s.shape[0]):
        for n in range(s.shape[1]):
            least = exp(min(max(-m[row, n], -largest[0]), largest[0]))
            scale = s.dtype.type(1) / max(abs(total[row, n, 0]), least)
            for j in range(s.shape[2]):
                y[row, n, j] = sigmoid(o[row, n, j]) * s[row, n, j] * scale
