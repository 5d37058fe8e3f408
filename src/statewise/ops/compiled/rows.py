"""The loops of the normalisation of many vectors, forward and back; see ``statewise.ops.normalisation``."""

from typing import Any

import numpy as np

from statewise.ops.compiled.compiler import jit
from statewise.ops.compiled.norm import EPSILON

Array = np.ndarray[Any, Any]


@jit
def forward(gain: Array, bias: Array, centred: Array, x: Array, y: Array) -> None:
    """Writes ``y (N, D)`` from ``x (N, D)``; ``centred (1,)`` holds c."""
    for row in range(x.shape[0]):
        mean, scale = measures(x[row], centred[0], EPSILON)
        for j in range(x.shape[1]):
            y[row, j] = gain[j] * ((x[row, j] - mean) * scale) + bias[j]


@jit
def backward(gain: Array, centred: Array, x: Array, dy: Array, dx: Array, dgain: Array, dbias: Array) -> None:
    """Writes the cotangent ``dx (N, D)`` from ``dy (N, D)`` and adds to those of gain and bias."""
    for row in range(x.shape[0]):
        mean, scale = measures(x[row], centred[0], EPSILON)
        total, along = x.dtype.type(0), x.dtype.type(0)
        for j in range(x.shape[1]):
            total += dy[row, j] * gain[j]
            along += dy[row, j] * gain[j] * ((x[row, j] - mean) * scale)
        for j in range(x.shape[1]):
            dbias[j] += dy[row, j]
        for j in range(x.shape[1]):
            dgain[j] += dy[row, j] * ((x[row, j] - mean) * scale)
        total = centred[0] * total / x.dtype.type(x.shape[1])
        along = along / x.dtype.type(x.shape[1])
        for j in range(x.shape[1]):
            dx[row, j] = scale * (dy[row, j] * gain[j] - total - along * ((x[row, j] - mean) * scale))


@jit
def measures(x: Array, centred: Any, epsilon: Any) -> Any:
    """The mean of a vector where that is taken away, and the inverse of the quotient."""
    total = x.dtype.type(0)
    for j in range(x.shape[0]):
        total += x[j]
    mean = centred * total / x.dtype.type(x.shape[0])
    total = x.dtype.type(0)
    for j in range(x.shape[0]):
        away = x[j] - mean
        total += away * away
    return mean, x.dtype.type(1) / np.sqrt(total / x.dtype.type(x.shape[0]) + x.dtype.type(epsilon))
