"""Mamba's selective recurrence as a Triton kernel each way.

A program takes one row, or a segment of one, and a block of its channels, and goes through time in tiles of steps: it
makes what is kept of each number of the state and what is added to it, scans them in parallel as
``statewise.ops.gpu.scan`` does, reads y, and hands on the last state. All that lies in registers; for the way back the
state before every tile is written. From it the way back makes the states of a tile again, the last tile first. What
the channels together make of the cotangents of b and c, each program finds for its own, and torch adds it up: so that
the same comes out every time. Letters: B rows, T steps, E channels, S numbers of state a channel, K tiles.
"""

from typing import Any, NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from statewise.contract.segments import Segments
from statewise.ops.gpu.blocks import states_of, sums_of
from statewise.ops.gpu.pairs import then
from statewise.ops.gpu.spans import closing, opening, programs, span, spans_of

STEPS, NUMBERS = 16, 256
"""A tile: so many steps of so many numbers of the state, one of them a thread's"""


@triton.jit
def _of_steps(at, row, time, t, across, width, mask, KIND: tl.constexpr):
    """Some of the numbers ``(B, T, width)`` at the steps of a tile, ``(steps, numbers)``, and 0 where none count."""
    inside = mask[:, None] & (across < width)[None, :]
    place = (row * time + t).to(tl.int64)[:, None] * width + across[None, :]
    return tl.load(at + place, mask=inside, other=0.0).to(KIND)


@triton.jit
def _put_steps(at, x, row, time, t, across, width, mask):
    """What ``_of_steps`` reads."""
    inside = mask[:, None] & (across < width)[None, :]
    place = (row * time + t).to(tl.int64)[:, None] * width + across[None, :]
    tl.store(at + place, x, mask=inside)


@triton.jit
def _kept(dt, decay):
    """Of each number of the state, 1 where no time passes."""
    return tl.exp(dt[:, :, None] * decay[None, :, :])


@triton.jit
def _states(h, decay, u, dt, b, row, time, t, mask, channel, channels, number, size, KIND: tl.constexpr):
    """After each of some steps, of which those count that the mask says, from the state before them."""
    dt_t = _of_steps(dt, row, time, t, channel, channels, mask, KIND)
    u_t = _of_steps(u, row, time, t, channel, channels, mask, KIND)
    b_t = _of_steps(b, row, time, t, number, size, mask, KIND)
    kept, added = tl.associative_scan((_kept(dt_t, decay), (dt_t * u_t)[:, :, None] * b_t[:, None, :]), 0, then)
    return kept * h[None, :, :] + added


@triton.jit
def _at_step(states, step, at):
    """A tile's states at one of its steps."""
    return tl.sum(tl.where((step == at)[:, None, None], states, 0.0), axis=0)


@triton.jit(do_not_specialize=["time"])
def selective_kernel(
    u, dt, a, b, c, initial, y, last, before, spans, time, channels, size,
    KIND: tl.constexpr, STEPS: tl.constexpr, CHANNELS: tl.constexpr, SIZE: tl.constexpr,
):  # fmt: skip
    """Writes ``y (B, T, E)``, the last state ``(B, E, S)`` and the states before all tiles ``(K, E, S)``."""
    row, start, end = span(spans, time)
    channel, number, inside, in_state = states_of(channels, size, CHANNELS, SIZE)
    step = tl.arange(0, STEPS)
    at_row, tile = row * channels * size + in_state, (row * time + start) // STEPS + tl.program_id(0)
    decay = tl.load(a + in_state, mask=inside, other=0.0).to(KIND)
    h = tl.load(initial + at_row, mask=opening(start, inside), other=0.0).to(KIND)
    for begin in range(start, end, STEPS):
        tl.store(before + tile * channels * size + in_state, h, mask=inside)
        t = begin + step
        mask = t < end
        states = _states(h, decay, u, dt, b, row, time, t, mask, channel, channels, number, size, KIND)
        c_t = _of_steps(c, row, time, t, number, size, mask, KIND)
        _put_steps(y, tl.sum(states * c_t[:, None, :], axis=2), row, time, t, channel, channels, mask)
        h = _at_step(states, step, STEPS - 1)
        tile += 1
    tl.store(last + at_row, h, mask=closing(end, time, inside))


@triton.jit(do_not_specialize=["time", "batch"])
def selective_back_kernel(
    dy, d_last, u, dt, a, b, c, before, du, d_dt, da, db, dc, d_initial, spans, time, batch, channels, size,
    KIND: tl.constexpr, STEPS: tl.constexpr, CHANNELS: tl.constexpr, SIZE: tl.constexpr,
):  # fmt: skip
    """Writes the cotangents of u, dt and the first state; of a, a program's row; of b and c, each its channels' part.

    The cotangent of a state h_t is g_t = dy_t c_t + kept_{t+1} g_{t+1}.
    """
    row, start, end = span(spans, time)
    channel, number, inside, in_state = states_of(channels, size, CHANNELS, SIZE)
    step = tl.arange(0, STEPS)
    at_row, tile = row * channels * size + in_state, (row * time + start) // STEPS + tl.program_id(0)
    decay = tl.load(a + in_state, mask=inside, other=0.0).to(KIND)
    carried = tl.load(d_last + at_row, mask=closing(end, time, inside), other=0.0).to(KIND)
    d_decay = tl.zeros([CHANNELS, SIZE], dtype=KIND)
    tiles, part = tl.cdiv(end - start, STEPS), tl.program_id(1).to(tl.int64) * batch * time * size
    for back in range(0, tiles):
        begin = start + (tiles - 1 - back) * STEPS
        h = tl.load(before + (tile + tiles - 1 - back) * channels * size + in_state, mask=inside, other=0.0).to(KIND)
        t = begin + step
        mask, earlier, later = t < end, (t > begin) & (t < end), t + 1 < end
        states = _states(h, decay, u, dt, b, row, time, t - 1, earlier, channel, channels, number, size, KIND)
        dt_t = _of_steps(dt, row, time, t, channel, channels, mask, KIND)
        u_t = _of_steps(u, row, time, t, channel, channels, mask, KIND)
        b_t = _of_steps(b, row, time, t, number, size, mask, KIND)
        c_t = _of_steps(c, row, time, t, number, size, mask, KIND)
        dy_t = _of_steps(dy, row, time, t, channel, channels, mask, KIND)
        remembered = _kept(dt_t, decay) * states
        states = remembered + (dt_t * u_t)[:, :, None] * b_t[:, None, :]
        of_c = tl.sum(dy_t[:, :, None] * states, axis=1)
        kept = _kept(_of_steps(dt, row, time, t + 1, channel, channels, later, KIND), decay)
        kept, added = tl.associative_scan((kept, dy_t[:, :, None] * c_t[:, None, :]), 0, then, reverse=True)
        g = kept * carried[None, :, :] + added
        carried = _at_step(g, step, 0)
        of_b = tl.sum(g * (dt_t * u_t)[:, :, None], axis=1)
        driven = tl.sum(g * b_t[:, None, :], axis=2)
        exponent = g * remembered
        d_decay += tl.sum(exponent * dt_t[:, :, None], axis=0)
        of_dt = tl.sum(exponent * decay[None, :, :], axis=2) + driven * u_t
        _put_steps(du, driven * dt_t, row, time, t, channel, channels, mask)
        _put_steps(d_dt, of_dt, row, time, t, channel, channels, mask)
        _put_steps(db + part, of_b, row, time, t, number, size, mask)
        _put_steps(dc + part, of_c, row, time, t, number, size, mask)
    tl.store(da + tl.program_id(0).to(tl.int64) * channels * size + in_state, d_decay, mask=inside)
    dt_t = tl.load(dt + (row * time + start) * channels + channel, mask=channel < channels, other=0.0).to(KIND)
    d_first = tl.exp(dt_t[:, None] * decay) * carried
    tl.store(d_initial + at_row, d_first, mask=opening(start, inside))


class SelectiveScan(NamedTuple):
    """Forward and back over all rows, or the segments that they are cut into."""

    segments: Segments | None

    def forward(
        self, u: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor, initial: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """All outputs, the last state, and the states before all tiles, which the way back asks for."""
        (batch, time, channels), size = u.shape, a.shape[1]
        count, found = programs(self.segments, batch), options(u.dtype, channels, size)
        y = u.new_empty(batch, time, channels)
        last, before = u.new_empty(initial.shape), u.new_empty(batch * time // STEPS + count, channels, size)
        if y.numel():
            with torch.cuda.device_of(u):
                selective_kernel[count, triton.cdiv(channels, found["CHANNELS"])](
                    *(x.contiguous() for x in (u, dt, a, b, c, initial)), y, last, before,
                    spans_of(self.segments), time, channels, size, **found,
                )  # fmt: skip
        return y, last, before

    def gradients(
        self, dy: Tensor, d_last: Tensor, u: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor, initial: Tensor,
        before: Tensor,
    ) -> tuple[Tensor, ...]:  # fmt: skip
        """Those of u, dt, a, b, c and the initial state."""
        (batch, time, channels), size = u.shape, a.shape[1]
        count, found = programs(self.segments, batch), options(u.dtype, channels, size)
        blocks = triton.cdiv(channels, found["CHANNELS"])
        du, d_dt = (u.new_empty(u.shape) for _ in range(2))
        da, d_initial = u.new_empty(count, channels, size), initial.new_empty(initial.shape)
        db, dc = (u.new_empty(blocks, batch, time, size) for _ in range(2))
        if du.numel():
            with torch.cuda.device_of(u):
                selective_back_kernel[count, blocks](
                    *(x.contiguous() for x in (dy, d_last, u, dt, a, b, c, before)), du, d_dt, da, db, dc, d_initial,
                    spans_of(self.segments), time, batch, channels, size, **found,
                )  # fmt: skip
        return du, d_dt, da.sum(0), db.sum(0), dc.sum(0), d_initial


def options(dtype: torch.dtype, channels: int, size: int) -> dict[str, Any]:
    """What both kernels are compiled for."""
    numbers = triton.next_power_of_2(size)
    together = min(max(1, NUMBERS // numbers), triton.next_power_of_2(channels))
    return {
        "KIND": sums_of(dtype), "STEPS": STEPS, "CHANNELS": together, "SIZE": numbers,
        "num_warps": min(16, max(1, together * numbers // 32)),
    }  # fmt: skip
