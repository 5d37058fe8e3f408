"""A recurrence that is linear in its state, the gates that make its coefficients inside, as a Triton kernel each way.

Tiles of steps are scanned as in ``statewise.ops.gpu.scan``, but of x, several numbers for each of the state, and where
there are such of what passes by and of weights; what the cell makes of them is plugged in from
``statewise.ops.gpu.linear_cells``. Coefficients are never written: the way back works them out again.
"""

from typing import Any

import triton
import triton.language as tl
from torch import Tensor

from statewise.ops.gpu.blocks import put, sums_of, vectors
from statewise.ops.gpu.linear_cells import CELLS
from statewise.ops.gpu.pairs import then
from statewise.ops.gpu.spans import closing, opening, span

STEPS, NUMBERS = 32, 32
"""A tile: so many steps of so many numbers"""


def options(cell: Any, x: Tensor, skip: Tensor, weight: Tensor, *, going_back: bool) -> dict[str, Any]:
    """What the kernels are compiled for."""
    coefficients, read, retreat = CELLS[type(cell)]
    own = {"RETREAT": retreat} if going_back else {"READS": cell.form().reads}
    return {
        "G": x.shape[2], "SKIPS": skip.shape[2] > 0, "WEIGHTS": len(weight), "KIND": sums_of(x.dtype),
        "COEFFICIENTS": coefficients, "READ": read, "STEPS": STEPS, "NUMBERS": NUMBERS, **own,
    }  # fmt: skip


@triton.jit
def _given(x, skip, weights, at, number, size, mask, G: tl.constexpr, SKIPS: tl.constexpr, KIND: tl.constexpr):
    """The vectors of x at some steps, what passes by, and the weights."""
    parts = vectors(x + at * G * size + number, G, size, mask, KIND)
    if SKIPS:
        parts += (tl.load(skip + at * size + number, mask=mask, other=0.0).to(KIND),)
    return parts + weights


@triton.jit(do_not_specialize=["time"])
def forward_kernel(
    x, skip, weight, initial, states, y, spans, time, size,
    G: tl.constexpr, SKIPS: tl.constexpr, WEIGHTS: tl.constexpr, KIND: tl.constexpr,
    COEFFICIENTS: tl.constexpr, READ: tl.constexpr, STEPS: tl.constexpr, NUMBERS: tl.constexpr, READS: tl.constexpr,
):  # fmt: skip
    """Writes all states and, where READS, what is read of them."""
    row, start, end = span(spans, time)
    number = tl.program_id(1) * NUMBERS + tl.arange(0, NUMBERS)[None, :]
    inside = number < size
    weights = vectors(weight + number, WEIGHTS, size, inside, KIND)
    carried = tl.load(initial + row * size + number, mask=opening(start, inside), other=0.0).to(KIND)
    last = (tl.arange(0, STEPS) == STEPS - 1)[:, None]
    for tile in range(0, tl.cdiv(end - start, STEPS)):
        t = (start + tile * STEPS + tl.arange(0, STEPS))[:, None]
        at, mask = row * time + t, (t < end) & inside
        x_t = _given(x, skip, weights, at, number, size, mask, G, SKIPS, KIND)
        a, b = COEFFICIENTS(x_t)
        factors, sums = tl.associative_scan((a, b), 0, then)
        c = factors * carried + sums
        tl.store(states + at * size + number, c, mask=mask)
        if READS:
            tl.store(y + at * size + number, READ(x_t, c), mask=mask)
        carried = tl.sum(tl.where(last, c, 0.0), axis=0)[None, :]


@triton.jit(do_not_specialize=["time"])
def backward_kernel(
    x, skip, weight, initial, states, dy, d_last, dx, dskip, dw, d_initial, spans, time, size,
    G: tl.constexpr, SKIPS: tl.constexpr, WEIGHTS: tl.constexpr, KIND: tl.constexpr,
    COEFFICIENTS: tl.constexpr, READ: tl.constexpr, STEPS: tl.constexpr, NUMBERS: tl.constexpr, RETREAT: tl.constexpr,
):  # fmt: skip
    """Writes the cotangents of x, skip and the initial state, and a program's part of those of the weights."""
    row, start, end = span(spans, time)
    number = tl.program_id(1) * NUMBERS + tl.arange(0, NUMBERS)[None, :]
    inside = number < size
    weights, sums_of_w = vectors(weight + number, WEIGHTS, size, inside, KIND), ()
    for r in tl.static_range(WEIGHTS):
        sums_of_w += (tl.zeros_like(weights[r]),)
    opens = opening(start, inside)
    first = tl.load(initial + row * size + number, mask=opens, other=0.0).to(KIND)
    carried = tl.load(d_last + row * size + number, mask=closing(end, time, inside), other=0.0).to(KIND)
    last = (tl.arange(0, STEPS) == STEPS - 1)[:, None]
    for tile in range(0, tl.cdiv(end - start, STEPS)):
        t = (end - 1 - tile * STEPS - tl.arange(0, STEPS))[:, None]
        at, mask, later = row * time + t, (t >= start) & inside, t + 1 < end
        a, _ = COEFFICIENTS(_given(x, skip, weights, at + 1, number, size, mask & later, G, SKIPS, KIND))
        a = tl.where(mask & later, a, 1.0)
        x_t = _given(x, skip, weights, at, number, size, mask, G, SKIPS, KIND)
        d = tl.load(dy + at * size + number, mask=mask, other=0.0).to(KIND)
        factors, sums = tl.associative_scan((a, READ(x_t, d)), 0, then)
        dc = factors * carried + sums
        after = tl.load(states + at * size + number, mask=mask, other=0.0).to(KIND)
        before = tl.load(states + (at - 1) * size + number, mask=mask & (t > start), other=0.0).to(KIND)
        before = tl.where(t > start, before, first)
        parts = RETREAT(x_t, before, after, d, dc)
        put(dx + at * G * size + number, parts, G, size, mask)
        if SKIPS:
            tl.store(dskip + at * size + number, parts[G], mask=mask)
        added = ()
        for r in tl.static_range(WEIGHTS):
            added += (sums_of_w[r] + tl.sum(tl.where(mask, parts[G + SKIPS + r], 0.0), axis=0)[None, :],)
        sums_of_w = added
        carried = tl.sum(tl.where(last, dc, 0.0), axis=0)[None, :]
    a, _ = COEFFICIENTS(_given(x, skip, weights, row * time + start, number, size, inside, G, SKIPS, KIND))
    tl.store(d_initial + row * size + number, a * carried, mask=opens)
    put(dw + tl.program_id(0).to(tl.int64) * WEIGHTS * size + number, sums_of_w, WEIGHTS, size, inside)
