"""What stands before and behind a recurrence at one step of a stream, as loops: maps, windows, nonlinearities.

Letters: B rows, D and H widths, K steps of a window.
"""

import math
from typing import Any

import numpy as np

import statewise.ops.compiled.plugs  # noqa: F401  tells numba what stands for sigmoid
from statewise.ops.compiled.compiler import jit
from statewise.ops.compiled.copying import copy_row
from statewise.ops.compiled.elementary import exp, sigmoid, tanh
from statewise.ops.compiled.product import product_inside

Array = np.ndarray[Any, Any]


@jit
def affine(x: Array, w: Array, b: Array, y: Array) -> None:
    """y = b + x w, of ``x (B, D)``, ``w (D, H)`` and ``b (H,)``."""
    for row in range(y.shape[0]):
        copy_row(b, y[row])
    product_inside(x, w, y)


@jit
def add_scaled(x: Array, scale: Array, y: Array) -> None:
    """y + scale * x, of ``x (B, D)`` and ``scale (D,)``."""
    for row in range(y.shape[0]):
        for j in range(y.shape[1]):
            y[row, j] += scale[j] * x[row, j]


@jit
def multiply(x: Array, z: Array, y: Array) -> None:
    """y = x * z."""
    for row in range(y.shape[0]):
        for j in range(y.shape[1]):
            y[row, j] = x[row, j] * z[row, j]


@jit
def interpolate(x: Array, z: Array, share: Array, y: Array) -> None:
    """y = x + share * (z - x)."""
    for row in range(x.shape[0]):
        for j in range(x.shape[1]):
            y[row, j] = x[row, j] + share[row, j] * (z[row, j] - x[row, j])


@jit
def squash(x: Array, width: int, y: Array) -> None:
    """y = tanh(x) in the first columns, x in the others."""
    for row in range(x.shape[0]):
        for j in range(width):
            y[row, j] = tanh(x[row, j])
        for j in range(width, x.shape[1]):
            y[row, j] = x[row, j]


@jit
def push(x: Array, window: Array) -> None:
    """``window (B, K, D)`` one step on: the oldest goes, ``x (B, D)`` comes last."""
    last = window.shape[1] - 1
    for row in range(x.shape[0]):
        for k in range(last):
            copy_row(window[row, k + 1], window[row, k])
        copy_row(x[row], window[row, last])


@jit
def relu(x: Array, y: Array) -> None:
    """y = x where it is above zero or not a number, else 0."""
    zero = x.dtype.type(0)
    for row in range(x.shape[0]):
        for j in range(x.shape[1]):
            y[row, j] = zero if x[row, j] < zero else x[row, j]


@jit
def gelu(x: Array, y: Array) -> None:
    """y = x Phi(x), with the normal distribution Phi."""
    half, one, root = x.dtype.type(0.5), x.dtype.type(1), x.dtype.type(math.sqrt(0.5))
    for row in range(x.shape[0]):
        for j in range(x.shape[1]):
            y[row, j] = half * x[row, j] * (one + math.erf(root * x[row, j]))


@jit
def softplus(x: Array, y: Array) -> None:
    """y = log(1 + e^x), also where e^x is too large for a number."""
    zero = x.dtype.type(0)
    for row in range(x.shape[0]):
        for j in range(x.shape[1]):
            y[row, j] = max(x[row, j], zero) + np.log1p(exp(-abs(x[row, j])))


@jit
def gated(x: Array, gate: Array, y: Array) -> None:
    """y = x * sigmoid(gate)."""
    for row in range(x.shape[0]):
        for j in range(x.shape[1]):
            y[row, j] = x[row, j] * sigmoid(gate[row, j])


@jit
def sigmoids(x: Array, y: Array) -> None:
    """y = sigmoid(x)."""
    for row in range(x.shape[0]):
        for j in range(x.shape[1]):
            y[row, j] = sigmoid(x[row, j])
