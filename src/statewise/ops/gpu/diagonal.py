"""Many diagonal state-space models at once as a Triton kernel each way.

A program takes one row and a block of its channels, and goes through time with their states in registers, one of them a
thread's. Memory is read and written in tiles of steps; within a tile they are worked on one after the other, a third of
the arithmetic of a scan. At a reset the state is put away: that costs the same however many there are. For the way back
the state before every tile is written, from which it makes the others again. What each row adds to the cotangents of a,
b and c, its programs find, and torch adds it up: so that the same comes out every time.

Letters: B rows, T steps, D channels, N states a channel, K tiles.
"""

from typing import Any, NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from statewise.contract.segments import Segments
from statewise.ops.gpu.blocks import sums_of
from statewise.ops.gpu.pairs import chosen, conjugate, product, read, total, write

STEPS, NUMBERS = 16, 128
"""Steps of a tile, and states of a program's channels"""


@triton.jit
def _block(channels, size, CHANNELS: tl.constexpr, SIZE: tl.constexpr):
    """A program's channels, which of its states there are, and where they are in pairs ``(D, N, 2)``."""
    channel, number = tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS), tl.arange(0, SIZE)
    inside = (channel < channels)[:, None] & (number < size)[None, :]
    return channel, inside, 2 * (channel[:, None] * size + number[None, :])


@triton.jit
def _there(t, time, channel, channels):
    """Which of some channels there are, at a step that is one."""
    return (channel < channels) & (tl.zeros_like(channel) + t < time)


@triton.jit
def _tile(x, row, first, time, channels, channel, STEPS: tl.constexpr, KIND: tl.constexpr):
    """A vector a step of ``x (B, T, D)``, 0 after the last step."""
    found = ()
    for q in tl.static_range(STEPS):
        at = (row * time + first + q) * channels + channel
        found += (tl.load(x + at, mask=_there(first + q, time, channel, channels), other=0.0).to(KIND),)
    return found


@triton.jit
def _marks(anew, row, first, time, STEPS: tl.constexpr):
    """Of each step of a tile whether the state is put away before it; nothing where it never is."""
    found = ()
    if anew is not None:
        for q in tl.static_range(STEPS):
            found += (tl.load(anew + row * time + first + q, mask=first + q < time, other=0) != 0,)
    return found


@triton.jit
def _kept(h, anew, marks, q: tl.constexpr):
    """The state, and where it is put away zeros, whatever it was."""
    if anew is not None:
        h = chosen(marks[q], (tl.zeros_like(h[0]), tl.zeros_like(h[1])), h, True)
    return h


@triton.jit
def _times(x, y):
    """x of states by y, a real number a channel."""
    return x[0] * y[:, None], x[1] * y[:, None]


@triton.jit(do_not_specialize=["time"])
def diagonal_kernel(
    u, a, b, c, initial, anew, y, last, before, time, channels, size,
    KIND: tl.constexpr, STEPS: tl.constexpr, CHANNELS: tl.constexpr, SIZE: tl.constexpr,
):  # fmt: skip
    """Writes ``y (B, T, D)``, the last state ``(B, D, N)`` and the states before all tiles ``(B, K, D, N)``."""
    row, tiles = tl.program_id(0).to(tl.int64), tl.cdiv(time, STEPS)
    channel, inside, at = _block(channels, size, CHANNELS, SIZE)
    a, b = read(a + at, inside, 0.0, True, KIND), read(b + at, inside, 0.0, True, KIND)
    c = read(c + at, inside, 0.0, True, KIND)
    h = read(initial + 2 * row * channels * size + at, inside, 0.0, True, KIND)
    for tile in range(0, tiles):
        first = tile * STEPS
        write(before + 2 * (row * tiles + tile) * channels * size + at, h, inside, True)
        given = _tile(u, row, first, time, channels, channel, STEPS, KIND)
        marks = _marks(anew, row, first, time, STEPS)
        for q in tl.static_range(STEPS):
            after = total(product(a, _kept(h, anew, marks, q), True), _times(b, given[q]), True)
            said = 2 * tl.sum(product(c, after, True)[0], axis=1)
            at_y = y + (row * time + first + q) * channels + channel
            tl.store(at_y, said, mask=_there(first + q, time, channel, channels))
            h = chosen(first + q < time, after, h, True)
    write(last + 2 * row * channels * size + at, h, inside, True)


@triton.jit
def _states(h, a, b, given, anew, marks, first, time, STEPS: tl.constexpr):
    """The states before and after each step of a tile: as they are after it; zeros after the last step of all."""
    before, after = (), ()
    for q in tl.static_range(STEPS):
        before += (_kept(h, anew, marks, q),)
        h = total(product(a, before[q], True), _times(b, given[q]), True)
        h = chosen(first + q < time, h, (tl.zeros_like(h[0]), tl.zeros_like(h[1])), True)
        after += (h,)
    return before, after


@triton.jit(do_not_specialize=["time"])
def diagonal_back_kernel(
    dy, d_last, u, a, b, c, anew, before, du, da, db, dc, d_initial, time, channels, size,
    KIND: tl.constexpr, STEPS: tl.constexpr, CHANNELS: tl.constexpr, SIZE: tl.constexpr,
):  # fmt: skip
    """Writes the cotangents of u and the first state, and a row's part ``(B, D, N)`` of those of a, b and c.

    The cotangent of a state h_t is g_t = 2 conj(c) dy_t + conj(a) g_{t+1}.
    """
    row, tiles = tl.program_id(0).to(tl.int64), tl.cdiv(time, STEPS)
    channel, inside, at = _block(channels, size, CHANNELS, SIZE)
    a, b = read(a + at, inside, 0.0, True, KIND), read(b + at, inside, 0.0, True, KIND)
    heard = conjugate(_times(read(c + at, inside, 0.0, True, KIND), tl.full([CHANNELS], 2.0, KIND)), True)
    at_row = 2 * row * channels * size + at
    final = read(d_last + at_row, inside, 0.0, True, KIND)
    carried = (tl.zeros_like(final[0]), tl.zeros_like(final[1]))
    of_a, of_b, of_c = carried, carried, carried
    for back in range(0, tiles):
        first = (tiles - 1 - back) * STEPS
        h = read(before + 2 * (row * tiles + tiles - 1 - back) * channels * size + at, inside, 0.0, True, KIND)
        given = _tile(u, row, first, time, channels, channel, STEPS, KIND)
        grads = _tile(dy, row, first, time, channels, channel, STEPS, KIND)
        marks = _marks(anew, row, first, time, STEPS)
        befores, afters = _states(h, a, b, given, anew, marks, first, time, STEPS)
        for q in tl.static_range(STEPS - 1, -1, -1):
            g = chosen(first + q == time - 1, final, carried, True)
            g = total(g, _times(heard, grads[q]), True)
            of_u = tl.sum(product(conjugate(b, True), g, True)[0], axis=1)
            at_u = du + (row * time + first + q) * channels + channel
            tl.store(at_u, of_u, mask=_there(first + q, time, channel, channels))
            of_a = total(of_a, product(g, conjugate(befores[q], True), True), True)
            of_b = total(of_b, _times(g, given[q]), True)
            of_c = total(of_c, _times(conjugate(afters[q], True), 2 * grads[q]), True)
            carried = _kept(product(conjugate(a, True), g, True), anew, marks, q)
    write(da + at_row, of_a, inside, True)
    write(db + at_row, of_b, inside, True)
    write(dc + at_row, of_c, inside, True)
    write(d_initial + at_row, carried, inside, True)


class DiagonalModels(NamedTuple):
    """Forward and back over all rows, with the resets inside them."""

    segments: Segments | None

    def forward(self, u: Tensor, a: Tensor, b: Tensor, c: Tensor, initial: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """All outputs, the last state, and the states before all tiles, which the way back asks for."""
        (batch, time, channels), size = u.shape, a.shape[1]
        y, last = u.new_empty(u.shape), initial.new_empty(initial.shape)
        before = initial.new_empty(batch, triton.cdiv(time, STEPS), channels, size)
        given = u, *map(_pairs, (a, b, c, initial)), self._anew()
        _launch(diagonal_kernel, u, size, *given, y, _pairs(last), _pairs(before))
        return y, last, before

    def gradients(
        self, dy: Tensor, d_last: Tensor, u: Tensor, a: Tensor, b: Tensor, c: Tensor, initial: Tensor, before: Tensor
    ) -> tuple[Tensor, ...]:
        """Those of u, a, b, c and the initial state."""
        du, d_initial = u.new_empty(u.shape), initial.new_empty(initial.shape)
        parts = tuple(initial.new_empty(initial.shape) for _ in range(3))
        given = dy, _pairs(d_last), u, *map(_pairs, (a, b, c)), self._anew(), _pairs(before)
        _launch(diagonal_back_kernel, u, a.shape[1], *given, du, *map(_pairs, parts), _pairs(d_initial))
        return du, *(part.sum(0) for part in parts), d_initial

    def _anew(self) -> Tensor | None:
        """``(B, T)``: before which steps the state is put away."""
        return None if self.segments is None else self.segments.anew


def _launch(kernel: Any, u: Tensor, size: int, *arguments: Tensor | None) -> None:
    batch, time, channels = u.shape
    found = options(u.dtype, channels, size)
    if u.numel():
        with torch.cuda.device_of(u):
            kernel[batch, triton.cdiv(channels, found["CHANNELS"])](
                *(None if x is None else x.contiguous() for x in arguments), time, channels, size, **found
            )


def _pairs(x: Tensor) -> Tensor:
    """Complex numbers as real ones in one more axis."""
    return torch.view_as_real(x.resolve_conj())


def options(dtype: torch.dtype, channels: int, size: int) -> dict[str, Any]:
    """What both kernels are compiled for."""
    numbers = triton.next_power_of_2(size)
    together = min(max(1, NUMBERS // numbers), triton.next_power_of_2(channels))
    return {
        "KIND": sums_of(dtype), "STEPS": STEPS, "CHANNELS": together, "SIZE": numbers,
        "num_warps": min(16, max(1, together * numbers // 32)),
    }  # fmt: skip
