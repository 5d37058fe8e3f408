"""The linear recurrence h_t = a_t h_{t-1} + b_t as a Triton kernel each way.

A program takes one row, or a segment of one, and a block of its numbers, and goes through time in tiles: it loads a
tile of a and b, scans it in parallel, going on from the state that the tile before handed on, and stores it. So memory
is read and written once, and what is carried stays in registers; the way back works out the cotangents of a as it goes,
and where a is the same at all steps (FIXED) reads it once and adds them up. Complex numbers are pairs, real and
imaginary part side by side. Where a product of coefficients of one tile overflows, so does the tile, although the
recurrence might not: |a| up to 16 is safe in single precision. Letters: B rows, S segments or else rows, T, D.
"""

from typing import Any, NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from statewise.contract.segments import Segments
from statewise.ops.gpu.blocks import sums_of
from statewise.ops.gpu.pairs import (
    as_reals,
    chosen,
    conjugate,
    over_steps,
    product,
    read,
    recurrence,
    repeated,
    total,
    write,
    zeros,
)
from statewise.ops.gpu.spans import by_row, opening, programs, span, spans_of

STEPS, NUMBERS = 32, 64
"""A tile: so many steps of so many real numbers"""


@triton.jit(do_not_specialize=["time"])
def scan_kernel(
    a, b, initial, h, spans, time, size,
    a_row, a_time, a_number, b_row, b_time, b_number,
    COMPLEX: tl.constexpr, FIXED: tl.constexpr, KIND: tl.constexpr, STEPS: tl.constexpr, NUMBERS: tl.constexpr,
):  # fmt: skip
    """Writes ``h (B, T, D)``. Strides count real numbers, as many as ``PARTS`` for each of ours."""
    PARTS: tl.constexpr = 2 if COMPLEX else 1
    row, start, end = span(spans, time)
    number = tl.program_id(1) * NUMBERS + tl.arange(0, NUMBERS)[None, :]
    inside = number < size
    carried = read(initial + (row * size + number) * PARTS, opening(start, inside), 0.0, COMPLEX, KIND)
    a, b = a + row * a_row + number * a_number, b + row * b_row + number * b_number
    if FIXED:
        factor = read(a, inside, 1.0, COMPLEX, KIND)
    for tile in range(0, tl.cdiv(end - start, STEPS)):
        t = (start + tile * STEPS + tl.arange(0, STEPS)[:, None]).to(tl.int64)
        mask = (t < end) & inside
        driven = read(b + t * b_time, mask, 0.0, COMPLEX, KIND)
        factors = repeated(factor, mask, COMPLEX) if FIXED else read(a + t * a_time, mask, 1.0, COMPLEX, KIND)
        states = recurrence(factors, driven, carried, COMPLEX)
        write(h + ((row * time + t) * size + number) * PARTS, states, mask, COMPLEX)
        carried = over_steps(states, tl.arange(0, STEPS)[:, None] == STEPS - 1, COMPLEX)


@triton.jit(do_not_specialize=["time"])
def scan_back_kernel(
    a, initial, h, grad, da, g, d_initial, spans, time, size,
    a_row, a_time, a_number, grad_row, grad_time, grad_number,
    COMPLEX: tl.constexpr, FIXED: tl.constexpr, KIND: tl.constexpr, STEPS: tl.constexpr, NUMBERS: tl.constexpr,
):  # fmt: skip
    """g_t = dh_t + conj(a_{t+1}) g_{t+1} from the end, da_t = g_t conj(h_{t-1}), and at the start conj(a_1) g_1.

    ``da`` is ``(B, T, D)``, and where a is FIXED ``(S, D)``, sums over steps.
    """
    PARTS: tl.constexpr = 2 if COMPLEX else 1
    row, start, end = span(spans, time)
    number = tl.program_id(1) * NUMBERS + tl.arange(0, NUMBERS)[None, :]
    inside = number < size
    at_row, opens = (row * size + number) * PARTS, opening(start, inside)
    initial_state = read(initial + at_row, opens, 0.0, COMPLEX, KIND)
    a, grad = a + row * a_row + number * a_number, grad + row * grad_row + number * grad_number
    first = conjugate(read(a + start * a_time, inside, 1.0, COMPLEX, KIND), COMPLEX)
    carried = zeros(NUMBERS, COMPLEX, KIND)
    sums = zeros(NUMBERS, COMPLEX, KIND)
    for tile in range(0, tl.cdiv(end - start, STEPS)):
        t = (end - 1 - tile * STEPS - tl.arange(0, STEPS)[:, None]).to(tl.int64)
        mask, later = (t >= start) & inside, t + 1 < end
        driven = read(grad + t * grad_time, mask, 0.0, COMPLEX, KIND)
        if FIXED:
            factors = repeated(first, mask & later, COMPLEX)
        else:
            factors = conjugate(read(a + (t + 1) * a_time, mask & later, 1.0, COMPLEX, KIND), COMPLEX)
        grads = recurrence(factors, driven, carried, COMPLEX)
        at = ((row * time + t) * size + number) * PARTS
        before = read(h + at - size * PARTS, mask & (t > start), 0.0, COMPLEX, KIND)
        before = conjugate(chosen(t > start, before, initial_state, COMPLEX), COMPLEX)
        write(g + at, grads, mask, COMPLEX)
        if FIXED:
            sums = total(sums, over_steps(product(grads, before, COMPLEX), mask, COMPLEX), COMPLEX)
        else:
            write(da + at, product(grads, before, COMPLEX), mask, COMPLEX)
        carried = over_steps(grads, tl.arange(0, STEPS)[:, None] == STEPS - 1, COMPLEX)
    write(d_initial + at_row, product(first, carried, COMPLEX), opens, COMPLEX)
    if FIXED:
        write(da + (tl.program_id(0).to(tl.int64) * size + number) * PARTS, sums, inside, COMPLEX)


class Scan(NamedTuple):
    """Forward and back over all rows, or the segments that they are cut into."""

    segments: Segments | None

    def states(self, a: Tensor, b: Tensor, initial: Tensor) -> Tensor:
        """All h ``(B, T, D)`` from ``a (B or 1, T or 1, D)``, ``b`` and ``initial (B, D)``, of any strides."""
        h = torch.empty(b.shape, dtype=initial.dtype, device=b.device)
        given = [as_reals(x) for x in (a.expand_as(b), b, initial.contiguous())]
        found = options(a, h)
        if h.numel():
            with torch.cuda.device_of(h):
                scan_kernel[programs(self.segments, h.shape[0]), triton.cdiv(h.shape[2], found["NUMBERS"])](
                    *given, as_reals(h), spans_of(self.segments), *h.shape[1:],
                    *given[0].stride()[:3], *given[1].stride()[:3], **found,
                )  # fmt: skip
        return h

    def gradients(self, a: Tensor, initial: Tensor, h: Tensor, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Those of ``a``, ``b`` and ``initial`` from the cotangents of h: the recurrence from the end."""
        if not h.numel():
            return torch.zeros_like(a), torch.zeros_like(h), torch.zeros_like(initial)
        (batch, time, size), count, found = h.shape, programs(self.segments, h.shape[0]), options(a, h)
        g, d_initial = torch.empty_like(h), torch.empty(initial.shape, dtype=h.dtype, device=h.device)
        da = h.new_empty((count, size) if found["FIXED"] else (batch, time, size))
        given = [as_reals(x) for x in (a.expand_as(h), initial.contiguous(), h, grad)]
        with torch.cuda.device_of(h):
            scan_back_kernel[count, triton.cdiv(size, found["NUMBERS"])](
                *given, *map(as_reals, (da, g, d_initial)), spans_of(self.segments), time, size,
                *given[0].stride()[:3], *given[3].stride()[:3], **found,
            )  # fmt: skip
        if found["FIXED"]:
            da = by_row(da, self.segments).unsqueeze(1)
        return da.sum_to_size(a.shape), g, d_initial


def options(a: Tensor, h: Tensor) -> dict[str, Any]:
    """What both kernels are compiled for."""
    return {
        "COMPLEX": h.is_complex(), "FIXED": a.shape[1] < h.shape[1], "KIND": sums_of(h.dtype),
        "STEPS": STEPS, "NUMBERS": NUMBERS // 2 if h.is_complex() else NUMBERS,
    }  # fmt: skip
