"""Launching the kernels of many state-space models, see ``statewise.ops.gpu.diagonal_kernels``.

What each row adds to the cotangents of a model, its programs find, and torch adds it up: so that the same comes out
every time.
"""

from typing import Any, NamedTuple

import torch
import triton
from torch import Tensor

from statewise.contract.segments import Segments
from statewise.ops.gpu.blocks import sums_of
from statewise.ops.gpu.diagonal_kernels import models_back_kernel, models_kernel
from statewise.ops.gpu.pairs import as_reals

STEPS, NUMBERS = 16, 128
"""Steps of a tile, and states of a program's channels"""


class DiagonalModels(NamedTuple):
    """Forward and back over all rows, which begin anew where they are reset."""

    segments: Segments | None

    def forward(self, u: Tensor, m: Tensor, b: Tensor, c: Tensor, initial: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """All outputs, the last state, and the states before all tiles, which the way back asks for."""
        return _forward(self.segments, u, m, None, None, b, c, initial)

    def gradients(
        self, dy: Tensor, d_last: Tensor, u: Tensor, m: Tensor, b: Tensor, c: Tensor, initial: Tensor, before: Tensor
    ) -> tuple[Tensor, ...]:
        """Those of u, m, b, c and the initial state."""
        du, parts, d_initial = _gradients(self.segments, dy, d_last, u, m, None, None, b, c, initial, before)
        return du, *parts, d_initial


class LowRankModels(NamedTuple):
    """Those that are diagonal but for a rank of one."""

    segments: Segments | None

    def forward(
        self, u: Tensor, m: Tensor, p: Tensor, q: Tensor, b: Tensor, c: Tensor, initial: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """As ``DiagonalModels``."""
        return _forward(self.segments, u, m, p, q, b, c, initial)

    def gradients(
        self, dy: Tensor, d_last: Tensor, u: Tensor, m: Tensor, p: Tensor, q: Tensor, b: Tensor, c: Tensor,
        initial: Tensor, before: Tensor,
    ) -> tuple[Tensor, ...]:  # fmt: skip
        """Those of u, m, p, q, b, c and the initial state."""
        given = (dy, d_last, u, m, p, q, b, c, initial, before)
        du, (dm, db, dc, dp, dq), d_initial = _gradients(self.segments, *given)
        return du, dm, dp, dq, db, dc, d_initial


def _forward(
    segments: Segments | None, u: Tensor, m: Tensor, p: Tensor | None, q: Tensor | None, b: Tensor, c: Tensor,
    initial: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    y, last = u.new_empty(u.shape), initial.new_empty(initial.shape)
    before = initial.new_empty(len(u), triton.cdiv(u.shape[1], STEPS), *m.shape)
    _launch(models_kernel, u, m, (u, m, p, q, b, c, initial, _anew(segments), y, last, before), rank=p is not None)
    return y, last, before


def _gradients(
    segments: Segments | None, dy: Tensor, d_last: Tensor, u: Tensor, m: Tensor, p: Tensor | None, q: Tensor | None,
    b: Tensor, c: Tensor, initial: Tensor, before: Tensor,
) -> tuple[Tensor, tuple[Tensor, ...], Tensor]:  # fmt: skip
    """Of u, of all that a model is made of, and of the initial state."""
    rank = p is not None
    du, d_initial = u.new_empty(u.shape), initial.new_empty(initial.shape)
    parts = initial.new_empty(5 if rank else 3, *initial.shape)
    given = (dy, d_last, u, m, p, q, b, c, _anew(segments), before, du, parts, d_initial)
    _launch(models_back_kernel, u, m, given, rank=rank)
    return du, parts.sum(1).unbind(), d_initial


def _anew(segments: Segments | None) -> Tensor | None:
    """``(B, T)``: before which steps the state is put away."""
    return None if segments is None else segments.anew


def _launch(kernel: Any, u: Tensor, m: Tensor, arguments: tuple[Tensor | None, ...], *, rank: bool) -> None:
    (batch, time, channels), size = u.shape, m.shape[1]
    found = options(u.dtype, channels, size, rank=rank)
    if u.numel():
        with torch.cuda.device_of(u):
            kernel[batch, triton.cdiv(channels, found["CHANNELS"])](
                *(None if x is None else as_reals(x).contiguous() for x in arguments), time, channels, size, **found
            )


def options(dtype: torch.dtype, channels: int, size: int, *, rank: bool) -> dict[str, Any]:
    """What both kernels are compiled for."""
    numbers = triton.next_power_of_2(size)
    together = min(max(1, NUMBERS // numbers), triton.next_power_of_2(channels))
    return {
        "RANK": rank, "KIND": sums_of(dtype), "STEPS": STEPS, "CHANNELS": together, "SIZE": numbers,
        "num_warps": min(16, max(1, together * numbers // 32)),
    }  # fmt: skip
