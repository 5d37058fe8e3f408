"""Arrays copied by loops: to assign one compiles numba's message of shapes that differ, for a second or two."""

from typing import Any

import numpy as np

from statewise.ops.compiled.compiler import jit

Array = np.ndarray[Any, Any]


@jit
def copy_row(a: Array, y: Array) -> None:
    """y = a, both ``(N,)``."""
    for i in range(y.shape[0]):
        y[i] = a[i]


@jit
def copy_rows(a: Array, y: Array) -> None:
    """y = a, both ``(M, N)``."""
    for i in range(y.shape[0]):
        copy_row(a[i], y[i])
