"""Where loops begin and end: rows of ``(B, T)``, or segments of them, as an array that loops read."""

from functools import lru_cache
from typing import Any

import numpy as np

from statewise.contract.segments import Segments

Array = np.ndarray[Any, Any]


def spans(segments: Segments | None, batch: int, time: int) -> Array:
    """``(S, 3)``: the row, the first step and the step after the last, of each segment or without any of each row."""
    if segments is None:
        return _of_rows(batch, time)
    found: Array = segments.spans.numpy()
    return found


@lru_cache(maxsize=16)
def _of_rows(batch: int, time: int) -> Array:
    found = np.zeros((batch, 3), np.int64)
    found[:, 0], found[:, 2] = np.arange(batch), time
    return found
