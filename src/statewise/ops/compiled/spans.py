"""Where loops begin and end: rows of ``(B, T)``, or segments of them, as an array that loops read."""

from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from statewise.contract.segments import Segments
from statewise.ops.compiled.compiler import jit

Array = np.ndarray[Any, Any]
_found: WeakKeyDictionary[Segments, Array] = WeakKeyDictionary()
"""Of segments that are still in use: layers of a stack share them, and so does the way back"""


def spans(segments: Segments | None, batch: int, time: int) -> Array:
    """``(S, 3)``: the row, the first step and the step after the last, of each segment or without any of each row."""
    if segments is None:
        return _of_rows(batch, time)
    found = _found.get(segments)
    if found is None:
        found = np.empty((len(segments), 3), np.int64)
        _cut(segments.marks, found)
        _found[segments] = found
    return found


def marks_of(segments: Segments | None, batch: int) -> Array:
    """``(B, T)``: before which steps a row begins anew; ``(B, 0)`` where none does."""
    return _nowhere(batch) if segments is None else segments.marks


@lru_cache(maxsize=16)
def _nowhere(batch: int) -> Array:
    return np.zeros((batch, 0), np.bool_)


@lru_cache(maxsize=16)
def _of_rows(batch: int, time: int) -> Array:
    found = np.zeros((batch, 3), np.int64)
    found[:, 0], found[:, 2] = np.arange(batch), time
    return found


@jit
def _cut(marks: Array, spans: Array) -> None:
    """One pass over the marks: a tenth of what torch's operations on so few numbers take."""
    segment = 0
    for row in range(marks.shape[0]):
        start = 0
        for t in range(1, marks.shape[1] + 1):
            if t == marks.shape[1] or marks[row, t]:
                spans[segment, 0], spans[segment, 1], spans[segment, 2] = row, start, t
                segment, start = segment + 1, t
