"""The loops of the normalisation of many vectors, forward and back; see ``statewise.ops.normalisation``."""

from typing import Any

import numpy as np

from statewise.ops.compiled import plugs  # noqa: F401  numba learns the norms there
from statewise.ops.compiled.compiler import jit
from statewise.ops.compiled.norm import normalise, normalise_back

Array = np.ndarray[Any, Any]


@jit
def forward(gain: Array, bias: Array, centred: Array, x: Array, y: Array) -> None:
    """Writes ``y (N, D)`` from ``x (N, D)``; ``centred (1,)`` holds c."""
    for row in range(x.shape[0]):
        normalise(x[row : row + 1], centred, y[row : row + 1])
        for j in range(x.shape[1]):
            y[row, j] = gain[j] * y[row, j] + bias[j]


@jit
def backward(gain: Array, centred: Array, x: Array, dy: Array, dx: Array, dgain: Array, dbias: Array) -> None:
    """Writes the cotangent ``dx (N, D)`` from ``dy (N, D)`` and adds to those of gain and bias."""
    n = np.empty((1, x.shape[1]), x.dtype)
    for row in range(x.shape[0]):
        scale = normalise(x[row : row + 1], centred, n)
        for j in range(x.shape[1]):
            dbias[j] += dy[row, j]
        for j in range(x.shape[1]):
            dgain[j] += dy[row, j] * n[0, j]
        for j in range(x.shape[1]):
            dx[row, j] = dy[row, j] * gain[j]
        normalise_back(dx[row : row + 1], n, scale, centred)
