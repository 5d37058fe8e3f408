"""The loops of a causal convolution whose filters see one channel each, forward and back.

Letters: B rows, S segments of them, T steps, K taps, D channels. ``x`` stands with what is before it, so that step t
sees the numbers t, t + dilation, ..., t + (K - 1) dilation of it, where they are of its segment; the inner loops run
over channels.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from statewise.contract.segments import Segments
from statewise.ops.compiled.compiler import as_array, jit
from statewise.ops.compiled.spans import spans

Array = np.ndarray[Any, Any]


def forward(x: Tensor, weight: Tensor, bias: Tensor, dilation: int, segments: Segments | None) -> Tensor:
    """``(B, T, D)`` from ``x (B, T + (K - 1) dilation, D)``, ``weight (K, D)`` and ``bias (D,)``."""
    time = x.shape[1] - (len(weight) - 1) * dilation
    y = torch.empty(x.shape[0], time, x.shape[2], dtype=x.dtype)
    convolve(spans(segments, x.shape[0], time), dilation, *map(as_array, (x, weight, bias, y)))
    return y


def backward(
    x: Tensor, weight: Tensor, dy: Tensor, dilation: int, segments: Segments | None
) -> tuple[Tensor, Tensor, Tensor]:
    """The cotangents of x, weight and bias from that of the output."""
    dx, dw, dbias = (torch.zeros(shape, dtype=x.dtype) for shape in (x.shape, weight.shape, weight.shape[1:]))
    _backward(spans(segments, *dy.shape[:2]), dilation, *map(as_array, (x, weight, dy, dx, dw, dbias)))
    return dx, dw, dbias


@jit
def convolve(spans: Array, dilation: int, x: Array, w: Array, bias: Array, y: Array) -> None:
    """Writes ``y (B, T, D)`` from ``x (B, T + (K - 1) dilation, D)``, ``w (K, D)`` and ``bias (D,)``."""
    for segment in range(spans.shape[0]):
        row, start, end = spans[segment]
        first = start + (w.shape[0] - 1) * dilation if start > 0 else 0
        for t in range(start, end):
            for j in range(y.shape[2]):
                y[row, t, j] = bias[j]
            for k in range(w.shape[0]):
                if t + k * dilation >= first:
                    for j in range(y.shape[2]):
                        y[row, t, j] += w[k, j] * x[row, t + k * dilation, j]


@jit
def _backward(spans: Array, dilation: int, x: Array, w: Array, dy: Array, dx: Array, dw: Array, dbias: Array) -> None:
    for segment in range(spans.shape[0]):
        row, start, end = spans[segment]
        first = start + (w.shape[0] - 1) * dilation if start > 0 else 0
        for t in range(start, end):
            for j in range(dy.shape[2]):
                dbias[j] += dy[row, t, j]
            for k in range(w.shape[0]):
                if t + k * dilation >= first:
                    for j in range(dy.shape[2]):
                        dx[row, t + k * dilation, j] += w[k, j] * dy[row, t, j]
                    for j in range(dy.shape[2]):
                        dw[k, j] += x[row, t + k * dilation, j] * dy[row, t, j]
