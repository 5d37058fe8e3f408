"""The product of a few rows with a matrix, small enough to stay in a core's cache.

Libraries of matrix products are made for large ones; for the products of one time step this loop takes from a third to
two thirds of their time, and a call from a compiled loop costs nothing. Four terms are added at a time, and the rows
go eight by eight, so that each number read of the matrix is used eight times.
"""

from typing import Any

import numpy as np

from statewise.ops.compiled.compiler import jit

Array = np.ndarray[Any, Any]
TERMS, ROWS = 4, 8


@jit
def add_product(a: Array, w: Array, out: Array) -> None:
    """``out (B, N)`` += ``a (B, K)`` ``w (K, N)``; none of them may overlap."""
    together = a.shape[0] - a.shape[0] % ROWS
    whole = a.shape[1] - a.shape[1] % TERMS
    for row in range(0, together, ROWS):
        for k in range(0, whole, TERMS):
            _eight_rows(a, w, out, row, k)
    for row in range(together, a.shape[0]):
        for k in range(0, whole, TERMS):
            _one_row(a, w, out, row, k)
    for row in range(a.shape[0]):
        for k in range(whole, a.shape[1]):
            factor = a[row, k]
            for j in range(w.shape[1]):
                out[row, j] += factor * w[k, j]


@jit
def _eight_rows(a: Array, w: Array, out: Array, row: int, k: int) -> None:
    a0, a1, a2, a3 = _terms(a, row, k), _terms(a, row + 1, k), _terms(a, row + 2, k), _terms(a, row + 3, k)
    a4, a5, a6, a7 = _terms(a, row + 4, k), _terms(a, row + 5, k), _terms(a, row + 6, k), _terms(a, row + 7, k)
    for j in range(w.shape[1]):
        v = (w[k, j], w[k + 1, j], w[k + 2, j], w[k + 3, j])
        out[row, j] += _sum(a0, v)
        out[row + 1, j] += _sum(a1, v)
        out[row + 2, j] += _sum(a2, v)
        out[row + 3, j] += _sum(a3, v)
        out[row + 4, j] += _sum(a4, v)
        out[row + 5, j] += _sum(a5, v)
        out[row + 6, j] += _sum(a6, v)
        out[row + 7, j] += _sum(a7, v)


@jit
def _one_row(a: Array, w: Array, out: Array, row: int, k: int) -> None:
    a0 = _terms(a, row, k)
    for j in range(w.shape[1]):
        out[row, j] += _sum(a0, (w[k, j], w[k + 1, j], w[k + 2, j], w[k + 3, j]))


@jit
def _terms(a: Array, row: int, k: int) -> Any:
    return a[row, k], a[row, k + 1], a[row, k + 2], a[row, k + 3]


@jit
def _sum(a: Any, w: Any) -> Any:
    return a[0] * w[0] + a[1] * w[1] + a[2] * w[2] + a[3] * w[3]
