"""The linear recurrence h_t = a_t h_{t-1} + b_t as one loop: every number is read and written once.

What one step hands to the next is read where it was written: a buffer for it would be one more write a number, and
writes leave a core in order, each behind those that wait for memory. What else the time hangs on:

* Between two steps there are only addresses to work out. While a core waits for memory it looks a few hundred
  instructions ahead: places in arrays of three axes took so many that it saw too few rows, and where tensors lie beyond
  the second cache, the loop forward took up to a third longer.
* The arrays of a step have names of their own, so that the compiler can look whether they overlap, and where they do
  not, works on several numbers at once. It sees that they do not where two of them are ``AT_ONCE`` real numbers apart,
  or where the loop walks away from what it has written. Narrow rows are therefore walked through against the direction
  of time. Wide ones are walked through in it, from the last number to the first on the way back: memory is then read
  evenly in one direction, which takes a half to two thirds of the time. The way back takes the last row first, too,
  for the same reason: with 64 rows of 128 steps it takes a fifth less time.
* A place that is counted down to has no sign: one that has could, to a compiler, count from the end.

Letters: B rows, S segments of them, T steps, D numbers a step. The coefficients are (B or 1, T or 1, D): what does not
change with the row or the step is there once.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from statewise.contract.segments import Segments
from statewise.ops.compiled.addresses import KINDS, address_of, array_at, laid_out
from statewise.ops.compiled.compiler import code_of, jit
from statewise.ops.compiled.copying import copy_row
from statewise.ops.compiled.spans import spans

Array = np.ndarray[Any, Any]
AT_ONCE = 64
"""Numbers that the compiler may work on at once, at most"""


class Loops:
    """Forward and back over all rows, or the segments that they are cut into, of tensors of some shapes."""

    def __init__(self, a: Tensor, b: Tensor, segments: Segments | None) -> None:
        (rows, steps, _), (batch, time, size) = a.shape, b.shape
        narrow = size < AT_ONCE and not b.is_complex()
        # What both loops are told first: whether rows are walked through against the direction of time, and the sizes.
        self.told = (narrow, spans(segments, batch, time), KINDS[b.dtype], time, size, rows, steps)

    def states(self, a: Tensor, b: Tensor, initial: Tensor) -> Tensor:
        """All h ``(B, T, D)``."""
        a, b, initial = laid_out(a), laid_out(b), laid_out(initial)
        h = torch.empty_like(b)
        _forward(b.dtype)(*self.told, a.data_ptr(), b.data_ptr(), initial.data_ptr(), h.data_ptr())
        return h

    def gradients(self, a: Tensor, initial: Tensor, h: Tensor, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Those of ``a``, ``b`` and ``initial`` from the cotangents of h."""
        a, initial, grad = laid_out(a), laid_out(initial), laid_out(grad)
        shared = a.numel() != h.numel()
        grad_a = torch.zeros_like(a) if shared else torch.empty_like(a)
        grad_b, grad_initial = torch.empty_like(h), torch.empty_like(initial)
        _backward(h.dtype)(
            *self.told, shared, a.data_ptr(), h.data_ptr(), initial.data_ptr(), grad.data_ptr(),
            grad_a.data_ptr(), grad_b.data_ptr(), grad_initial.data_ptr(),
        )  # fmt: skip
        return grad_a, grad_b, grad_initial


@cache
def _forward(dtype: torch.dtype) -> Callable[..., Any]:
    """The loop forward as machine code for such numbers."""
    return code_of(scan, *_example(dtype), *[0] * 4)


@cache
def _backward(dtype: torch.dtype) -> Callable[..., Any]:
    """The loop back as machine code for such numbers."""
    return code_of(scan_gradient, *_example(dtype), False, *[0] * 7)


def _example(dtype: torch.dtype) -> tuple[Any, ...]:
    """What loops over such numbers are told first."""
    one = torch.empty(1, 1, 1, dtype=dtype)
    return Loops(one, one, None).told


@jit
def scan(
    narrow: bool, spans: Array, kind: Array, time: int, size: int, rows: int, steps: int,
    a_at: int, b_at: int, initial_at: int, h_at: int,
) -> None:  # fmt: skip
    """h_t = a_t h_{t-1} + b_t from ``initial (B, D)`` on, anew from zeros, for tensors that lie at these addresses.

    ``a (rows, steps, D)`` is read, h is written.
    """
    wide, a_row, a_step = strides(kind, size, rows, steps)
    nothing = np.zeros(size, kind.dtype)
    for segment in range(spans.shape[0]):
        row, start, end = spans[segment]
        a, here = a_at + row * a_row + start * a_step, (row * time + start) * wide
        before = initial_at + row * wide if start == 0 else address_of(nothing)
        for _ in range(start, end):
            _advance(narrow, kind, size, a, before, b_at + here, h_at + here)
            before = h_at + here
            a, here = a + a_step, here + wide


@jit
def _advance(narrow: bool, kind: Array, size: int, a_at: int, before_at: int, b_at: int, h_at: int) -> None:
    """h_t of one row."""
    a, before = array_at(a_at, kind, size), array_at(before_at, kind, size)
    b, h = array_at(b_at, kind, size), array_at(h_at, kind, size)
    if narrow:
        for i in range(size):
            k = np.uint64(size - 1) - np.uint64(i)
            h[k] = a[k] * before[k] + b[k]
    else:
        for i in range(size):
            h[i] = a[i] * before[i] + b[i]


@jit
def scan_gradient(
    narrow: bool, spans: Array, kind: Array, time: int, size: int, rows: int, steps: int, shared: bool,
    a_at: int, h_at: int, initial_at: int, grad_at: int, grad_a_at: int, grad_b_at: int, grad_initial_at: int,
) -> None:  # fmt: skip
    """From the cotangents ``grad`` of h: g_t = grad_t + conj(a_{t+1}) g_{t+1}, which is ``grad_b``.

    ``grad_a`` is g_t conj(h_{t-1}), added up where a coefficient serves several rows or steps: it then comes in as
    zeros. ``grad_initial`` is conj(a_1) g_1 of each row.
    """
    wide, a_row, a_step = strides(kind, size, rows, steps)
    nothing, unread = np.zeros(size, kind.dtype), np.zeros(size, kind.dtype)
    for segment in range(spans.shape[0] - 1, -1, -1):
        row, start, end = spans[segment]
        opening, into = address_of(nothing), address_of(unread)
        if start == 0:
            opening, into = initial_at + row * wide, grad_initial_at + row * wide
        if start == end:
            array_at(into, kind, size)[:] = 0
            continue
        a, first, here = row * a_row + (end - 1) * a_step, (row * time + start) * wide, (row * time + end - 1) * wide
        copy_row(array_at(grad_at + here, kind, size), array_at(grad_b_at + here, kind, size))
        while here >= first:
            before_at, given_at, found_at = h_at + here - wide, grad_at + here - wide, grad_b_at + here - wide
            if here == first:
                before_at, given_at, found_at = opening, address_of(nothing), into
            _retreat(
                narrow, shared, kind, size, a_at + a, before_at, grad_b_at + here, given_at, grad_a_at + a, found_at
            )  # fmt: skip
            a, here = a - a_step, here - wide


@jit
def _retreat(
    narrow: bool, shared: bool, kind: Array, size: int, a_at: int, before_at: int, later_at: int, given_at: int,
    grad_a_at: int, found_at: int,
) -> None:  # fmt: skip
    """What g_t, which is ``later``, makes of a row: the gradient of a_t, and g_{t-1} where ``found`` is."""
    a, before, later = array_at(a_at, kind, size), array_at(before_at, kind, size), array_at(later_at, kind, size)
    grad_a, given, found = (
        array_at(grad_a_at, kind, size),
        array_at(given_at, kind, size),
        array_at(found_at, kind, size),
    )
    for i in range(size):
        k = np.uint64(i) if narrow else np.uint64(size - 1) - np.uint64(i)
        product = later[k] * np.conj(before[k])
        grad_a[k] = grad_a[k] + product if shared else product
        found[k] = given[k] + np.conj(a[k]) * later[k]


@jit
def strides(kind: Array, size: int, rows: int, steps: int) -> tuple[int, int, int]:
    """Bytes from one step to the next, and of the coefficients from one row and from one step to the next."""
    wide = size * kind.itemsize
    return wide, min(1, rows - 1) * steps * wide, min(1, steps - 1) * wide
