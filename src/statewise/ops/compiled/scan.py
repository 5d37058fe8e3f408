"""The linear recurrence h_t = a_t h_{t-1} + b_t as one loop: every number is read and written once.

What one step hands to the next is read where it was written: a buffer for it would be one more write a number, and
writes leave a core in order, each behind those that wait for memory. Three things let the compiler work on several
numbers at once:

* an inner loop touches few arrays, so that it can look whether they overlap;
* what a loop writes has a second name where the step before is read, of the two it is seen that they are apart: of real
  numbers if they are ``AT_ONCE`` apart or the loop walks towards the one that is read, and so narrow rows are walked
  through against the direction of time. Wide ones are walked through in it, from the last number to the first on the
  way back: memory is then read evenly in one direction, which takes a half to two thirds of the time;
* a place that is counted down to has no sign: one that has could, to a compiler, count from the end.

Letters: B rows, S segments of them, T steps, D numbers a step. The coefficients are (B or 1, T or 1, D): what does not
change with the row or the step is there once.
"""

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from statewise.contract.segments import Segments
from statewise.ops.compiled.addresses import KINDS, array_at, laid_out
from statewise.ops.compiled.compiler import jit
from statewise.ops.compiled.spans import spans

Array = np.ndarray[Any, Any]
AT_ONCE = 64
"""Numbers that the compiler may work on at once, at most"""
KEPT = 2**25
"""Bytes of the largest block that a process keeps for later when it is freed, by glibc's malloc. Two of half the size,
freed together, would be handed back to the system, and be faulted in page by page at the next call."""


class Loops(NamedTuple):
    """Forward and back over all rows, or the segments that they are cut into."""

    segments: Segments | None

    def states(self, a: Tensor, b: Tensor, initial: Tensor) -> Tensor:
        """All h ``(B, T, D)``."""
        h = torch.empty_like(b, memory_format=torch.contiguous_format)
        a, b, initial = laid_out(a), laid_out(b), laid_out(initial)
        (rows, steps, _), (batch, time, size), states = a.shape, h.shape, h.data_ptr()
        scan(
            narrow(h), spans(self.segments, batch, time), KINDS[h.dtype], batch, time, size, rows, steps,
            a.data_ptr(), b.data_ptr(), initial.data_ptr(), states, states,
        )  # fmt: skip
        return h

    def gradients(self, a: Tensor, initial: Tensor, h: Tensor, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Those of ``a``, ``b`` and ``initial`` from the cotangents of h; the large ones as one block of memory."""
        (rows, steps, _), (batch, time, size) = a.shape, h.shape
        if (rows, steps) == (batch, time) and 2 * h.nbytes < KEPT:
            grad_a, grad_b = h.new_empty((2, batch, time, size)).unbind()
        else:
            grad_a, grad_b = h.new_empty((rows, steps, size)), torch.empty_like(h)
        grad_initial = torch.empty_like(initial, memory_format=torch.contiguous_format)
        a, initial, grad, g = laid_out(a), laid_out(initial), laid_out(grad), grad_b.data_ptr()
        scan_gradient(
            narrow(h), spans(self.segments, batch, time), KINDS[h.dtype], batch, time, size, rows, steps,
            a.data_ptr(), h.data_ptr(), initial.data_ptr(), grad.data_ptr(), grad_a.data_ptr(), g, g,
            grad_initial.data_ptr(),
        )  # fmt: skip
        return grad_a, grad_b, grad_initial


def narrow(h: Tensor) -> bool:
    """Whether its rows are to be walked through against the direction of time."""
    return h.shape[2] < AT_ONCE and not h.is_complex()


@jit
def scan(
    narrow: bool, spans: Array, kind: Array, batch: int, time: int, size: int, rows: int, steps: int,
    a_at: int, b_at: int, initial_at: int, h_at: int, before_at: int,
) -> None:  # fmt: skip
    """h_t = a_t h_{t-1} + b_t from ``initial (B, D)`` on, anew from zeros, for tensors that lie at these addresses.

    ``a (rows, steps, D)`` is read, h is written and is ``before``, too.
    """
    shape = (batch, time, size)
    a, b = array_at(a_at, kind, (rows, steps, size)), array_at(b_at, kind, shape)
    h, before = array_at(h_at, kind, shape), array_at(before_at, kind, shape)
    initial = array_at(initial_at, kind, (batch, size))
    rows, steps = min(1, rows - 1), min(1, steps - 1)
    last = np.uint64(size - 1)
    nothing = np.zeros(h.shape[2], h.dtype)
    for segment in range(spans.shape[0]):
        row, start, end = spans[segment]
        if start == end:
            continue
        opening = initial[row] if start == 0 else nothing
        for i in range(h.shape[2]):
            h[row, start, i] = a[row * rows, start * steps, i] * opening[i] + b[row, start, i]
        for t in range(start + 1, end):
            if narrow:
                for i in range(h.shape[2]):
                    k = last - np.uint64(i)
                    h[row, t, k] = a[row * rows, t * steps, k] * before[row, t - 1, k] + b[row, t, k]
            else:
                for i in range(h.shape[2]):
                    h[row, t, i] = a[row * rows, t * steps, i] * before[row, t - 1, i] + b[row, t, i]


@jit
def scan_gradient(
    narrow: bool, spans: Array, kind: Array, batch: int, time: int, size: int, rows: int, steps: int,
    a_at: int, h_at: int, initial_at: int, grad_at: int, grad_a_at: int, grad_b_at: int, later_at: int,
    grad_initial_at: int,
) -> None:  # fmt: skip
    """From the cotangents ``grad`` of h: g_t = grad_t + conj(a_{t+1}) g_{t+1}, which is ``grad_b``, and ``later``, too.

    ``grad_a`` is g_t conj(h_{t-1}), summed where a coefficient serves several rows or steps, ``grad_initial`` is
    conj(a_1) g_1 of each row.
    """
    shape, shape_of_a, shape_of_initial = (batch, time, size), (rows, steps, size), (batch, size)
    a, h, grad = array_at(a_at, kind, shape_of_a), array_at(h_at, kind, shape), array_at(grad_at, kind, shape)
    grad_a, grad_b = array_at(grad_a_at, kind, shape_of_a), array_at(grad_b_at, kind, shape)
    later, initial = array_at(later_at, kind, shape), array_at(initial_at, kind, shape_of_initial)
    grad_initial = array_at(grad_initial_at, kind, shape_of_initial)
    rows, steps = min(1, rows - 1), min(1, steps - 1)
    last = np.uint64(size - 1)
    shared = grad_a.size != h.size
    nothing = np.zeros(h.shape[2], h.dtype)
    if shared:
        grad_a[:] = 0
    for segment in range(spans.shape[0]):
        row, start, end = spans[segment]
        if start == end:
            grad_initial[row] = 0
            continue
        opening = initial[row] if start == 0 else nothing
        for i in range(h.shape[2]):
            grad_b[row, end - 1, i] = grad[row, end - 1, i]
        for t in range(end - 1, start, -1):
            if shared:
                for i in range(h.shape[2]):
                    grad_a[row * rows, t * steps, i] += grad_b[row, t, i] * np.conj(h[row, t - 1, i])
            else:
                for i in range(h.shape[2]):
                    k = last - np.uint64(i)
                    grad_a[row, t, k] = grad_b[row, t, k] * np.conj(h[row, t - 1, k])
            if narrow:
                for i in range(h.shape[2]):
                    grad_b[row, t - 1, i] = grad[row, t - 1, i] + a[row * rows, t * steps, i] * later[row, t, i]
            else:
                for i in range(h.shape[2]):
                    k = last - np.uint64(i)
                    kept = np.conj(a[row * rows, t * steps, k]) * later[row, t, k]
                    grad_b[row, t - 1, k] = grad[row, t - 1, k] + kept
        for i in range(h.shape[2]):
            product = grad_b[row, start, i] * np.conj(opening[i])
            grad_a[row * rows, start * steps, i] = grad_a[row * rows, start * steps, i] + product if shared else product
        if start > 0:
            continue
        for i in range(h.shape[2]):
            grad_initial[row, i] = np.conj(a[row * rows, start * steps, i]) * grad_b[row, start, i]
