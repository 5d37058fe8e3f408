"""The product of a few rows with a matrix, small enough to stay in a core's cache.

Libraries of matrix products are made for large ones; for the products of one time step this loop takes from a third to
three quarters of their time, and a call from a compiled loop costs nothing. Loops are handed it as an argument, and so
it is compiled once for all of them. Four terms are added at a time, and rows
go eight by eight, so that each number read of the matrix is used eight times. All of it is one function: what is called
from inside a loop is worked out apart from it and takes three times as long.
"""

from functools import cache
from typing import Any

import numba
import numpy as np

from statewise.ops.compiled.compiler import callback, jit

Array = np.ndarray[Any, Any]
TERMS, ROWS = 4, 8


@cache
def product_of(dtype: np.dtype[Any]) -> Any:
    """``add_product`` of this dtype, for loops to be handed."""
    matrix = numba.types.Array(numba.from_dtype(dtype), 2, "C")
    return callback(add_product, matrix, matrix, matrix)


def add_product(a: Array, w: Array, out: Array) -> None:
    """``out (B, N)`` += ``a (B, K)`` ``w (K, N)``; none of them may overlap."""
    together = a.shape[0] - a.shape[0] % ROWS
    whole = a.shape[1] - a.shape[1] % TERMS
    for row in range(0, together, ROWS):
        for k in range(0, whole, TERMS):
            a0, a1, a2, a3 = _terms(a, row, k), _terms(a, row + 1, k), _terms(a, row + 2, k), _terms(a, row + 3, k)
            a4, a5, a6, a7 = _terms(a, row + 4, k), _terms(a, row + 5, k), _terms(a, row + 6, k), _terms(a, row + 7, k)
            for j in range(w.shape[1]):
                w0, w1, w2, w3 = w[k, j], w[k + 1, j], w[k + 2, j], w[k + 3, j]
                out[row, j] += a0[0] * w0 + a0[1] * w1 + a0[2] * w2 + a0[3] * w3
                out[row + 1, j] += a1[0] * w0 + a1[1] * w1 + a1[2] * w2 + a1[3] * w3
                out[row + 2, j] += a2[0] * w0 + a2[1] * w1 + a2[2] * w2 + a2[3] * w3
                out[row + 3, j] += a3[0] * w0 + a3[1] * w1 + a3[2] * w2 + a3[3] * w3
                out[row + 4, j] += a4[0] * w0 + a4[1] * w1 + a4[2] * w2 + a4[3] * w3
                out[row + 5, j] += a5[0] * w0 + a5[1] * w1 + a5[2] * w2 + a5[3] * w3
                out[row + 6, j] += a6[0] * w0 + a6[1] * w1 + a6[2] * w2 + a6[3] * w3
                out[row + 7, j] += a7[0] * w0 + a7[1] * w1 + a7[2] * w2 + a7[3] * w3
    for row in range(together, a.shape[0]):
        for k in range(0, whole, TERMS):
            a0 = _terms(a, row, k)
            for j in range(w.shape[1]):
                out[row, j] += a0[0] * w[k, j] + a0[1] * w[k + 1, j] + a0[2] * w[k + 2, j] + a0[3] * w[k + 3, j]
    for row in range(a.shape[0]):
        for k in range(whole, a.shape[1]):
            factor = a[row, k]
            for j in range(w.shape[1]):
                out[row, j] += factor * w[k, j]


@jit
def _terms(a: Array, row: int, k: int) -> Any:
    return a[row, k], a[row, k + 1], a[row, k + 2], a[row, k + 3]


product_inside = jit(add_product)
"""Compiled into the loop that calls it, or called at a step of a stream: to be handed it costs more than such a step"""
