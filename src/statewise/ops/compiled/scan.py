"""The linear recurrence h_t = a_t h_{t-1} + b_t as one loop: every number is read and written once.

What one step hands to the next stands in a small buffer of its own, and an inner loop touches few arrays: so the
compiler can tell that they do not overlap, and works on several numbers at once. Letters: B rows, S segments of them, T
steps, D numbers a step. The coefficients are (B or 1, T or 1, D): what does not change with the row or the step is
there once.
"""

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from statewise.contract.segments import Segments
from statewise.ops.compiled.compiler import as_array, jit
from statewise.ops.compiled.spans import spans

Array = np.ndarray[Any, Any]
KEPT = 2**25
"""Bytes of the largest block that a process keeps for later when it is freed, by glibc's malloc. Two of half the size,
freed together, would be handed back to the system, and be faulted in page by page at the next call."""


class Loops(NamedTuple):
    """Forward and back over all rows, or the segments that they are cut into."""

    segments: Segments | None

    def states(self, a: Tensor, b: Tensor, initial: Tensor) -> Tensor:
        """All h ``(B, T, D)``."""
        h = torch.empty_like(b, memory_format=torch.contiguous_format)
        scan(spans(self.segments, *b.shape[:2]), *map(as_array, (a, b, initial, h)))
        return h

    def gradients(self, a: Tensor, initial: Tensor, h: Tensor, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Those of ``a``, ``b`` and ``initial`` from the cotangents of h; the large ones as one block of memory."""
        if a.shape == h.shape and 2 * h.nbytes < KEPT:
            grad_a, grad_b = torch.empty(2, *h.shape, dtype=h.dtype).unbind()
        else:
            grad_a, grad_b = torch.empty(a.shape, dtype=a.dtype), torch.empty(h.shape, dtype=h.dtype)
        grad_initial = torch.empty(initial.shape, dtype=initial.dtype)
        scan_gradient(
            spans(self.segments, *h.shape[:2]), *map(as_array, (a, h, initial, grad, grad_a, grad_b, grad_initial))
        )
        return grad_a, grad_b, grad_initial


@jit
def scan(spans: Array, a: Array, b: Array, initial: Array, h: Array) -> None:
    """h_t = a_t h_{t-1} + b_t from ``initial (B, D)`` on, anew from zeros; ``h (B, T, D)`` is written."""
    rows, steps = min(1, a.shape[0] - 1), min(1, a.shape[1] - 1)
    carried = np.empty(b.shape[2], b.dtype)
    for segment in range(spans.shape[0]):
        row, start, end = spans[segment]
        for i in range(b.shape[2]):
            carried[i] = initial[row, i] if start == 0 else 0
        for t in range(start, end):
            for i in range(b.shape[2]):
                value = a[row * rows, t * steps, i] * carried[i] + b[row, t, i]
                carried[i] = value
                h[row, t, i] = value


@jit
def scan_gradient(
    spans: Array, a: Array, h: Array, initial: Array, grad: Array, grad_a: Array, grad_b: Array, grad_initial: Array
) -> None:
    """From the cotangents ``grad`` of h: g_t = grad_t + conj(a_{t+1}) g_{t+1}, which is ``grad_b``.

    ``grad_a`` is g_t conj(h_{t-1}), summed where a coefficient serves several rows or steps, ``grad_initial`` is
    conj(a_1) g_1 of each row. Numbers are walked through from the last to the first, as steps are: memory is read
    evenly in one direction, which takes a half to a third of the time.
    """
    rows, steps, last = min(1, a.shape[0] - 1), min(1, a.shape[1] - 1), h.shape[2] - 1
    shared = grad_a.size != h.size
    if shared:
        grad_a[:] = 0
    carried, nothing = np.empty(h.shape[2], h.dtype), np.zeros(h.shape[2], h.dtype)
    for segment in range(spans.shape[0]):
        row, start, end = spans[segment]
        carried[:] = 0
        for t in range(end - 1, start - 1, -1):
            for i in range(last, -1, -1):
                g = grad[row, t, i] + carried[i]
                grad_b[row, t, i] = g
                carried[i] = np.conj(a[row * rows, t * steps, i]) * g
            before = h[row, t - 1] if t > start else initial[row] if start == 0 else nothing
            if shared:
                for i in range(last, -1, -1):
                    grad_a[row * rows, t * steps, i] += grad_b[row, t, i] * np.conj(before[i])
            else:
                for i in range(last, -1, -1):
                    grad_a[row, t, i] = grad_b[row, t, i] * np.conj(before[i])
        if start == 0:
            grad_initial[row] = carried
