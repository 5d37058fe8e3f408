"""Where a program that goes through time begins and ends: a row of ``(B, T)``, or a segment of one.

So segments are more programs, and no program reads what stands in another segment. A segment that begins a row goes on
from the row's state, others from zeros.
"""

import triton
import triton.language as tl
from torch import Tensor

from statewise.contract.segments import Segments


def programs(segments: Segments | None, batch: int) -> int:
    """How many there are of the grid's first axis."""
    return batch if segments is None else len(segments)


def spans_of(segments: Segments | None) -> Tensor | None:
    """What ``span`` reads."""
    return None if segments is None else segments.spans


def by_row(x: Tensor, segments: Segments | None) -> Tensor:
    """``(B, ...)``: what the programs found, ``(S, ...)``, added up for each row."""
    if segments is None:
        return x
    return x.new_zeros(segments.batch, *x.shape[1:]).index_add(0, segments.rows, x)


@triton.jit
def span(spans, time):
    """A program's row, its first step and the step after the last."""
    program = tl.program_id(0).to(tl.int64)
    if spans is None:
        found = program, 0, time
    else:
        at = spans + 3 * program
        found = tl.load(at), tl.load(at + 1).to(tl.int32), tl.load(at + 2).to(tl.int32)
    return found


@triton.jit
def opening(start, inside):
    """``inside`` where a program begins its row, nowhere where it begins anew."""
    return inside & (inside.to(tl.int32) * 0 + start == 0)


@triton.jit
def closing(end, time, inside):
    """``inside`` where a program ends its row."""
    return inside & (inside.to(tl.int32) * 0 + end == time)
