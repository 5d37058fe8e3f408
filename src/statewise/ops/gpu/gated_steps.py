"""A recurrence of single numbers that is not linear in its state, as a Triton kernel each way.

A program takes one row, or a segment of one, and a block of its numbers, and goes through time step by step, the state
in registers. What the cell does is plugged in from ``statewise.ops.gpu.cells``.
"""

from typing import Any

import triton
import triton.language as tl
from torch import Tensor

from statewise.ops.gpu.blocks import sums_of
from statewise.ops.gpu.cells import CELLS
from statewise.ops.gpu.spans import closing, opening, span

NUMBERS = 64
"""A block"""


def options(cell: Any, x: Tensor, skip: Tensor, weight: Tensor, *, going_back: bool) -> dict[str, Any]:
    """What the kernels are compiled for."""
    advance, retreat = CELLS[type(cell)]
    own = {"RETREAT": retreat} if going_back else {"READS": cell.form().reads, "ADVANCE": advance}
    return {"VECTORS": x.shape[2], "WEIGHTS": len(weight), "KIND": sums_of(x.dtype), "NUMBERS": NUMBERS, **own}


@triton.jit(do_not_specialize=["time"])
def forward_kernel(
    x, skip, weight, initial, states, y, spans, time, size,
    VECTORS: tl.constexpr, WEIGHTS: tl.constexpr, READS: tl.constexpr, KIND: tl.constexpr,
    ADVANCE: tl.constexpr, NUMBERS: tl.constexpr,
):  # fmt: skip
    """Writes all states and, where READS, all outputs."""
    row, start, end = span(spans, time)
    number = tl.program_id(1) * NUMBERS + tl.arange(0, NUMBERS)
    inside = number < size
    w = tl.load(weight + number, mask=inside, other=0.0).to(KIND)
    v = tl.load(weight + (WEIGHTS - 1) * size + number, mask=inside, other=0.0).to(KIND)
    c = tl.load(initial + row * size + number, mask=opening(start, inside), other=0.0).to(KIND)
    for t in range(start, end):
        at = (row * time + t) * size
        c, read = ADVANCE(x + at * VECTORS + number, skip + at + number, w, v, c, size, inside)
        tl.store(states + at + number, c, mask=inside)
        if READS:
            tl.store(y + at + number, read, mask=inside)


@triton.jit(do_not_specialize=["time"])
def backward_kernel(
    x, skip, weight, initial, states, dy, d_last, dx, dskip, dw, d_initial, spans, time, size,
    VECTORS: tl.constexpr, WEIGHTS: tl.constexpr, KIND: tl.constexpr, RETREAT: tl.constexpr,
    NUMBERS: tl.constexpr,
):  # fmt: skip
    """Writes the cotangents of x, skip and the initial state, and a program's part of those of the weights."""
    row, start, end = span(spans, time)
    number = tl.program_id(1) * NUMBERS + tl.arange(0, NUMBERS)
    inside = number < size
    opens = opening(start, inside)
    w = tl.load(weight + number, mask=inside, other=0.0).to(KIND)
    v = tl.load(weight + (WEIGHTS - 1) * size + number, mask=inside, other=0.0).to(KIND)
    first = tl.load(initial + row * size + number, mask=opens, other=0.0).to(KIND)
    dc = tl.load(d_last + row * size + number, mask=closing(end, time, inside), other=0.0).to(KIND)
    sum_w, sum_v = tl.zeros_like(dc), tl.zeros_like(dc)
    for back in range(0, end - start):
        t = end - 1 - back
        at = (row * time + t) * size
        after = tl.load(states + at + number, mask=inside, other=0.0).to(KIND)
        started = tl.zeros_like(number) + t > start
        before = tl.load(states + at - size + number, mask=inside & started, other=0.0).to(KIND)
        c = tl.where(started, before, first)
        d = tl.load(dy + at + number, mask=inside, other=0.0).to(KIND)
        at_x = at * VECTORS + number
        dc, part_w, part_v = RETREAT(
            d, dc, x + at_x, skip + at + number, w, v, c, after, dx + at_x, dskip + at + number, size, inside
        )
        sum_w, sum_v = sum_w + part_w, sum_v + part_v
    tl.store(d_initial + row * size + number, dc, mask=opens)
    at_w = dw + tl.program_id(0).to(tl.int64) * WEIGHTS * size + number
    if WEIGHTS > 1:
        tl.store(at_w + size, sum_v, mask=inside)
    tl.store(at_w, sum_w, mask=inside)
