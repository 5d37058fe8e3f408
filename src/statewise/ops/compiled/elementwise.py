"""The loops of an elementwise recurrence over all rows and steps, forward and back, for cells of any kind.

A kind of cell says what happens to the numbers of one row at one step, ``advance`` and ``retreat``, and is compiled
into the loops; see ``statewise.ops.cells``. Letters: B rows, S segments of them, T steps, D numbers of the
state, G vectors of x, P of w.
"""

from typing import Any, NamedTuple

import numpy as np
import torch
from numba.extending import overload
from torch import Tensor

from statewise.contract.segments import Segments
from statewise.ops.compiled.compiler import ELEMENTWISE, as_array, jit
from statewise.ops.compiled.plugs import plain
from statewise.ops.compiled.spans import spans

Array = np.ndarray[Any, Any]


def advance(cell: Any, x: Array, skip: Array, w: Array, c: Array, c_next: Array, y: Array) -> None:
    """``cell.advance``, chosen by the kind of cell when the loop is compiled.

    From ``x (G, D)``, ``skip (D,)``, ``w (P, D)`` and ``c (D,)`` it writes ``c_next``, and ``y`` where the output is
    something else.
    """
    raise NotImplementedError


def retreat(
    cell: Any, dy: Array, x: Array, skip: Array, w: Array, c: Array, c_next: Array,
    dc: Array, dx: Array, dskip: Array, dw: Array,
) -> None:  # fmt: skip
    """``cell.retreat``, chosen by the kind of cell when the loop is compiled.

    ``dc`` holds what later steps make of the cotangent of c', and is overwritten by the cotangent of c; ``dx`` and
    ``dskip`` are written, ``dw`` is added to.
    """
    raise NotImplementedError


class Loops(NamedTuple):
    """Forward and back over all rows, or the segments that they are cut into."""

    segments: Segments | None

    def forward(self, cell: Any, x: Tensor, skip: Tensor, weight: Tensor, initial: Tensor) -> tuple[Tensor, Tensor]:
        """All states ``(B, T, D)``; all outputs, ``(B, T, 0)`` where they are the states."""
        batch, time, _, size = x.shape
        states, y = x.new_empty(batch, time, size), x.new_empty(batch, time, size if cell.form().reads else 0)
        forward(cell, spans(self.segments, batch, time), *map(as_array, (x, skip, weight, initial, states, y)))
        return states, y

    def backward(
        self, cell: Any, x: Tensor, skip: Tensor, weight: Tensor, initial: Tensor, states: Tensor, dy: Tensor,
        d_last: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
        """The cotangents of x, skip, weight and initial from those of all outputs and of the last state."""
        dx, dskip, dw = (torch.empty(t.shape, dtype=t.dtype) for t in (x, skip, weight))
        d_initial = d_last.clone(memory_format=torch.contiguous_format)
        dw.zero_()
        given = (x, skip, weight, initial, states, dy)
        where = spans(self.segments, *x.shape[:2])
        _backward(cell, where, *map(as_array, given), *map(as_array, (d_initial, dx, dskip, dw)))
        return dx, dskip, dw, d_initial


@jit
def forward(cell: Any, spans: Array, x: Array, skip: Array, w: Array, initial: Array, c: Array, y: Array) -> None:
    """Writes all states ``c (B, T, D)`` and, where they are something else, all outputs ``y``."""
    nothing = np.zeros(initial.shape[1], initial.dtype)
    for segment in range(spans.shape[0]):
        row, start, end = spans[segment]
        before = initial[row] if start == 0 else nothing
        for t in range(start, end):
            advance(cell, x[row, t], skip[row, t], w, before, c[row, t], y[row, t])
            before = c[row, t]


@jit
def _backward(
    cell: Any, spans: Array, x: Array, skip: Array, w: Array, initial: Array, c: Array, dy: Array,
    dc: Array, dx: Array, dskip: Array, dw: Array,
) -> None:  # fmt: skip
    nothing = np.zeros(initial.shape[1], initial.dtype)
    for segment in range(spans.shape[0] - 1, -1, -1):
        row, start, end = spans[segment]
        for t in range(end - 1, start - 1, -1):
            before = c[row, t - 1] if t > start else initial[row] if start == 0 else nothing
            retreat(
                cell, dy[row, t], x[row, t], skip[row, t], w, before, c[row, t],
                dc[row], dx[row, t], dskip[row, t], dw,
            )  # fmt: skip
        if start > 0:
            dc[row] = 0


def _plug_in() -> None:
    """Tell numba what stands for ``advance`` and ``retreat``."""

    @overload(advance, jit_options=ELEMENTWISE)
    def choose_advance(cell, x, skip, w, c, c_next, y):  # type: ignore[no-untyped-def]
        return plain(cell.instance_class.advance)

    @overload(retreat, jit_options=ELEMENTWISE)
    def choose_retreat(cell, dy, x, skip, w, c, c_next, dc, dx, dskip, dw):  # type: ignore[no-untyped-def]
        return plain(cell.instance_class.retreat)


_plug_in()
