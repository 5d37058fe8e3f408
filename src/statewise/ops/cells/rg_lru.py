"""The cell of the RG-LRU, whose decay a gate moves between 1 and e^w.

    log a = w * sigmoid(x_r)
    c' = a * c + sqrt(1 - a^2) * sigmoid(x_i) * s

with x in the order r, i, weights w < 0, and s what is written. Its output is its state. 1 - a^2 is worked out from
log a, so that it keeps its digits where a is near 1; the root has a slope also where a rounds to 1.
"""

from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from statewise.ops.cells.form import Form
from statewise.ops.compiled.elementary import exp, expm1, sigmoid

Array = Any
SMALLEST = 1e-37
"""That 1 - a^2 counts as"""


class RGLRUCell(NamedTuple):
    """It is linear in its state."""

    @staticmethod
    def form() -> Form:
        return Form(inputs=2, reads=False, linear=True, weights=1, skips=True)

    def step(self, x: Tensor, skip: Tensor, w: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """Output and state from ``x (B, 2, D)``, ``skip (B, D)``, ``w (1, D)`` and ``c (B, D)``."""
        a, b = self.coefficients(x, skip, w)
        c = a * c + b
        return c, c

    def coefficients(self, x: Tensor, skip: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
        """a and b of c' = a c + b, from ``x (..., 2, D)``, ``skip (..., D)`` and ``w (1, D)``."""
        r, i = x.sigmoid().unbind(-2)
        log_a = w[0] * r
        root = (-(2 * log_a).expm1()).clamp(min=SMALLEST).sqrt()
        return log_a.exp(), root * (i * skip)

    @staticmethod
    def advance(cell: Any, x: Array, skip: Array, w: Array, c: Array, c_next: Array, y: Array) -> None:
        """``step`` of one row."""
        smallest, two = x.dtype.type(SMALLEST), x.dtype.type(2)
        for j in range(c.shape[0]):
            log_a = w[0, j] * sigmoid(x[0, j])
            root = np.sqrt(max(-expm1(two * log_a), smallest))
            c_next[j] = exp(log_a) * c[j] + root * sigmoid(x[1, j]) * skip[j]

    @staticmethod
    def retreat(
        cell: Any, dy: Array, x: Array, skip: Array, w: Array, c: Array, c_next: Array,
        dc: Array, dx: Array, dskip: Array, dw: Array,
    ) -> None:  # fmt: skip
        """From the cotangents of y and c' to those of x, skip, w and c."""
        smallest, zero, one, two = x.dtype.type(SMALLEST), x.dtype.type(0), x.dtype.type(1), x.dtype.type(2)
        for j in range(c.shape[0]):
            r, i = sigmoid(x[0, j]), sigmoid(x[1, j])
            log_a = w[0, j] * r
            a, rest = exp(log_a), -expm1(two * log_a)
            root = np.sqrt(max(rest, smallest))
            d = dc[j] + dy[j]
            dc[j] = d * a
            dskip[j] = d * root * i
            dx[1, j] = dskip[j] * skip[j] * (one - i)
            slope = a * a / root if rest > smallest else zero
            dlog = dc[j] * c[j] - d * i * skip[j] * slope
            dx[0, j] = dlog * w[0, j] * r * (one - r)
            dw[0, j] += dlog * r
