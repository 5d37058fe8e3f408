"""An elementwise recurrence as a Triton kernel each way.

A program takes one row, or a segment of one, and a block of its numbers, and goes through time step by step, the state
in registers. What the cell does is plugged in from ``statewise.ops.gpu.cells``.
"""

from typing import Any, NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from statewise.contract.segments import Segments
from statewise.ops.gpu.blocks import sums_of
from statewise.ops.gpu.cells import CELLS
from statewise.ops.gpu.spans import closing, opening, programs, span, spans_of

NUMBERS = 64
"""A block"""


class Steps(NamedTuple):
    """Forward and back over all rows, or the segments that they are cut into."""

    segments: Segments | None

    def forward(self, cell: Any, x: Tensor, skip: Tensor, weight: Tensor, initial: Tensor) -> tuple[Tensor, Tensor]:
        """All states ``(B, T, D)``; all outputs, ``(B, T, 0)`` where they are the states."""
        form, (batch, time, vectors, size) = cell.form(), x.shape
        states, y = x.new_empty(batch, time, size), x.new_empty(batch, time, size if form.reads else 0)
        if states.numel():
            with torch.cuda.device_of(x):
                forward_kernel[programs(self.segments, batch), triton.cdiv(size, NUMBERS)](
                    *(t.contiguous() for t in (x, skip, weight, initial)), states, y, spans_of(self.segments),
                    time, size, vectors, len(weight), form.reads, sums_of(x.dtype), CELLS[form.kernel][0], NUMBERS,
                )  # fmt: skip
        return states, y

    def backward(
        self, cell: Any, x: Tensor, skip: Tensor, weight: Tensor, initial: Tensor, states: Tensor, dy: Tensor,
        d_last: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
        """The cotangents of x, skip, weight and initial from those of all outputs and of the last state."""
        form, (batch, time, vectors, size) = cell.form(), x.shape
        count = programs(self.segments, batch)
        dx, dskip = (torch.empty(t.shape, dtype=t.dtype, device=t.device) for t in (x, skip))
        dw = weight.new_zeros(count, *weight.shape)
        d_initial = d_last.clone(memory_format=torch.contiguous_format)
        if states.numel():
            with torch.cuda.device_of(x):
                backward_kernel[count, triton.cdiv(size, NUMBERS)](
                    *(t.contiguous() for t in (x, skip, weight, initial, states, dy, d_last)), d_initial, dx, dskip, dw,
                    spans_of(self.segments), time, size,
                    vectors, len(weight), sums_of(x.dtype), CELLS[form.kernel][1], NUMBERS,
                )  # fmt: skip
        return dx, dskip, dw.sum(0), d_initial


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
    x, skip, weight, initial, states, dy, d_last, d_initial, dx, dskip, dw, spans, time, size,
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
