"""Launching the kernels of an elementwise recurrence: a scan where the cell is linear in its state, else steps."""

from typing import Any, NamedTuple

import torch
import triton
from torch import Tensor

from statewise.contract.segments import Segments
from statewise.ops.gpu import gated_scan, gated_steps
from statewise.ops.gpu.spans import programs, spans_of


class CellKernels(NamedTuple):
    """Forward and back over all rows, or the segments that they are cut into."""

    segments: Segments | None

    def forward(self, cell: Any, x: Tensor, skip: Tensor, weight: Tensor, initial: Tensor) -> tuple[Tensor, Tensor]:
        """All states ``(B, T, D)``; all outputs, ``(B, T, 0)`` where they are the states."""
        batch, time, _, size = x.shape
        states, y = x.new_empty(batch, time, size), x.new_empty(batch, time, size if cell.form().reads else 0)
        self._launch(cell, (x, skip, weight, initial), (states, y), going_back=False)
        return states, y

    def backward(
        self, cell: Any, x: Tensor, skip: Tensor, weight: Tensor, initial: Tensor, states: Tensor, dy: Tensor,
        d_last: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
        """The cotangents of x, skip, weight and initial from those of all outputs and of the last state."""
        dx, dskip = (torch.empty(t.shape, dtype=t.dtype, device=t.device) for t in (x, skip))
        dw = weight.new_zeros(programs(self.segments, len(x)), *weight.shape)
        d_initial = d_last.clone(memory_format=torch.contiguous_format)
        given = (x, skip, weight, initial, states, dy, d_last)
        self._launch(cell, given, (dx, dskip, dw, d_initial), going_back=True)
        return dx, dskip, dw.sum(0), d_initial

    def _launch(self, cell: Any, given: tuple[Tensor, ...], found: tuple[Tensor, ...], *, going_back: bool) -> None:
        """One of the cell's kernels, unless there is no step to go."""
        x, skip, weight, *_ = given
        batch, time, _, size = x.shape
        kernels = gated_scan if cell.form().linear else gated_steps
        kernel = kernels.backward_kernel if going_back else kernels.forward_kernel
        if x.numel():
            with torch.cuda.device_of(x):
                kernel[programs(self.segments, batch), triton.cdiv(size, kernels.NUMBERS)](
                    *(t.contiguous() for t in given), *found, spans_of(self.segments), time, size,
                    **kernels.options(cell, x, skip, weight, going_back=going_back),
                )  # fmt: skip
