"""What stands under the taps of a convolution at every step, side by side, and the way back: one pass over memory each.

Letters: B rows, T steps, D channels, K taps, W steps before the first.
"""

from typing import Any

import numpy as np
from torch import Tensor

from statewise.contract.segments import Segments
from statewise.ops.compiled.compiler import as_array, jit
from statewise.ops.compiled.spans import spans

Array = np.ndarray[Any, Any]


def gather(extended: Tensor, count: int, dilation: int, segments: Segments | None) -> Tensor:
    """``(B, T, K D)`` of ``extended (B, W + T, D)``: zeros where a tap is before its step's segment."""
    batch, steps, size = extended.shape
    time = steps - (count - 1) * dilation
    seen = extended.new_empty(batch, time, count * size)
    _gather(spans(segments, batch, time), dilation, as_array(extended), seen.view(batch, time, count, size).numpy())
    return seen


def scatter(seen: Tensor, count: int, dilation: int, segments: Segments | None) -> Tensor:
    """The transpose: ``(B, W + T, D)``, each number added to where it was taken from."""
    batch, time, size = *seen.shape[:2], seen.shape[2] // count
    extended = seen.new_zeros(batch, time + (count - 1) * dilation, size)
    given = as_array(seen).reshape(batch, time, count, size)
    _scatter(spans(segments, batch, time), dilation, given, extended.numpy())
    return extended


@jit
def _gather(spans: Array, dilation: int, extended: Array, seen: Array) -> None:
    reach = (seen.shape[2] - 1) * dilation
    for segment in range(spans.shape[0]):
        row, start, end = spans[segment]
        first = start + reach if start > 0 else 0
        for t in range(start, end):
            for k in range(seen.shape[2]):
                at = t + k * dilation
                if at < first:
                    for j in range(seen.shape[3]):
                        seen[row, t, k, j] = 0
                else:
                    for j in range(seen.shape[3]):
                        seen[row, t, k, j] = extended[row, at, j]


@jit
def _scatter(spans: Array, dilation: int, seen: Array, extended: Array) -> None:
    reach = (seen.shape[2] - 1) * dilation
    for segment in range(spans.shape[0]):
        row, start, end = spans[segment]
        first = start + reach if start > 0 else 0
        for t in range(start, end):
            for k in range(seen.shape[2]):
                at = t + k * dilation
                if at >= first:
                    for j in range(seen.shape[3]):
                        extended[row, at, j] += seen[row, t, k, j]
