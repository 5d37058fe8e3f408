"""Normalisation of all numbers of a few vectors at once, forward and back, for gates inside compiled loops.

    y = (u - c mean(u)) / sqrt(mean((u - c mean(u))^2) + 1e-5)

Layer normalisation at c = 1, root mean square normalisation at c = 0. Like ``elementary``, plain Python until a loop is
compiled, which then sums in whatever order is fastest.
"""

from typing import Any

import numpy as np

Array = Any
EPSILON = 1e-5


def normalise(u: Array, centred: Array, y: Array) -> Any:
    """Writes ``y (R, H)`` from ``u (R, H)`` and returns the quotient's inverse; ``centred (1,)`` holds c."""
    total = u.dtype.type(0)
    for r in range(u.shape[0]):
        for j in range(u.shape[1]):
            total += u[r, j]
    mean = centred[0] * total / u.dtype.type(u.size)
    total = u.dtype.type(0)
    for r in range(u.shape[0]):
        for j in range(u.shape[1]):
            away = u[r, j] - mean
            total += away * away
    scale = u.dtype.type(1) / np.sqrt(total / u.dtype.type(u.size) + u.dtype.type(EPSILON))
    for r in range(u.shape[0]):
        for j in range(u.shape[1]):
            y[r, j] = (u[r, j] - mean) * scale
    return scale


def normalise_back(d: Array, y: Array, scale: Any, centred: Array) -> None:
    """Overwrites the cotangent ``d (R, H)`` of y by that of u."""
    total, along = y.dtype.type(0), y.dtype.type(0)
    for r in range(y.shape[0]):
        for j in range(y.shape[1]):
            total += d[r, j]
            along += d[r, j] * y[r, j]
    mean = centred[0] * total / y.dtype.type(y.size)
    along = along / y.dtype.type(y.size)
    for r in range(y.shape[0]):
        for j in range(y.shape[1]):
            d[r, j] = scale * (d[r, j] - mean - along * y[r, j])
