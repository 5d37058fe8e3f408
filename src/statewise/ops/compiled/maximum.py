"""The loops of the running maximum, forward and back, over rows or what resets cut them into.

Letters: B rows, T steps, D numbers a step.
"""

from typing import Any

import numpy as np
from torch import Tensor

from statewise.contract.segments import Segments
from statewise.ops.compiled.compiler import as_array, jit
from statewise.ops.compiled.spans import spans

Array = np.ndarray[Any, Any]


def forward(a: Tensor, b: Tensor, initial: Tensor, segments: Segments | None) -> Tensor:
    """All m ``(B, T, D)``."""
    m = b.new_empty(b.shape)
    _forward(spans(segments, *b.shape[:2]), *map(as_array, (a, b, initial, m)))
    return m


def backward(a: Tensor, b: Tensor, initial: Tensor, dm: Tensor, segments: Segments | None) -> tuple[Tensor, ...]:
    """The cotangents of a, b and the initial state; of two that are as large as each other, a has it."""
    m, da, db, d_initial = forward(a, b, initial, segments), *(x.new_zeros(x.shape) for x in (a, b, initial))
    where = spans(segments, *b.shape[:2])
    _backward(where, *map(as_array, (a, b, initial, m, dm, da, db, d_initial)))
    return da, db, d_initial


@jit
def _forward(spans: Array, a: Array, b: Array, initial: Array, m: Array) -> None:
    for segment in range(spans.shape[0]):
        row, start, end = spans[segment]
        for t in range(start, end):
            for j in range(b.shape[2]):
                kept = a[row, t, j]
                if t > start:
                    kept += m[row, t - 1, j]
                elif start == 0:
                    kept += initial[row, j]
                new = b[row, t, j]
                m[row, t, j] = new if kept < new or new != new else kept


@jit
def _backward(
    spans: Array, a: Array, b: Array, initial: Array, m: Array, dm: Array, da: Array, db: Array, d_initial: Array
) -> None:
    for segment in range(spans.shape[0]):
        row, start, end = spans[segment]
        for j in range(b.shape[2]):
            g = dm[row, start, j] - dm[row, start, j]
            for t in range(end - 1, start - 1, -1):
                g += dm[row, t, j]
                kept = a[row, t, j]
                if t > start:
                    kept += m[row, t - 1, j]
                elif start == 0:
                    kept += initial[row, j]
                if kept < b[row, t, j] or b[row, t, j] != b[row, t, j]:
                    db[row, t, j] = g
                    g -= g
                else:
                    da[row, t, j] = g
            if start == 0:
                d_initial[row, j] = g
