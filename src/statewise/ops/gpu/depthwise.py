"""A causal convolution whose filters see one channel each, as a Triton kernel each way.

A program takes a tile of steps of one row and a block of channels. What it adds to the cotangents of weight and bias
it writes, and torch adds it up. ``x`` stands with what is before it, so that step t sees the numbers t, t + dilation,
..., t + (K - 1) dilation of it, where they are of its segment.

Letters: B rows, T steps, K taps, D channels, P programs.
"""

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from statewise.contract.segments import Segments
from statewise.ops.gpu.blocks import sums_of

STEPS, NUMBERS = 64, 32
"""A tile: so many steps of so many channels"""


@triton.jit
def _tile(STEPS: tl.constexpr, NUMBERS: tl.constexpr):
    """A program's row, the steps of its tile and its channels."""
    step = tl.program_id(1).to(tl.int64) * STEPS + tl.arange(0, STEPS)
    return tl.program_id(0).to(tl.int64), step, tl.program_id(2) * NUMBERS + tl.arange(0, NUMBERS)


@triton.jit
def _first(begun, row, t, time, reach):
    """The first number of x that a step may see; ``begun`` says where its segment does, 0 where it begins its row."""
    if begun is None:
        found = t * 0
    else:
        start = tl.load(begun + row * time + t, mask=(t >= 0) & (t < time), other=0)
        found = tl.where(start > 0, start + reach, 0)
    return found


@triton.jit
def _numbers(x, row, at, length, channel, channels, counted, KIND: tl.constexpr):
    """``x (B, length, D)`` at some steps, where they count; elsewhere 0."""
    mask = counted[:, None] & (channel < channels)[None, :]
    return tl.load(x + (row * length + at)[:, None] * channels + channel[None, :], mask=mask, other=0.0).to(KIND)


@triton.jit
def _weights(weight, k, channel, channels, KIND: tl.constexpr):
    """Those of a tap."""
    return tl.load(weight + k * channels + channel, mask=channel < channels, other=0.0).to(KIND)[None, :]


@triton.jit(do_not_specialize=["time"])
def depthwise_kernel(
    x, weight, bias, begun, y, time, channels, dilation,
    TAPS: tl.constexpr, KIND: tl.constexpr, STEPS: tl.constexpr, NUMBERS: tl.constexpr,
):  # fmt: skip
    """Writes ``y (B, T, D)``."""
    row, t, channel = _tile(STEPS, NUMBERS)
    reach = (TAPS - 1) * dilation
    first = _first(begun, row, t, time, reach)
    total = tl.zeros([STEPS, NUMBERS], dtype=KIND) + _weights(bias, 0, channel, channels, KIND)
    for k in tl.static_range(TAPS):
        at = t + k * dilation
        seen = _numbers(x, row, at, time + reach, channel, channels, (t < time) & (at >= first), KIND)
        total += _weights(weight, k, channel, channels, KIND) * seen
    mask = (t < time)[:, None] & (channel < channels)[None, :]
    tl.store(y + (row * time + t)[:, None] * channels + channel[None, :], total, mask=mask)


@triton.jit(do_not_specialize=["time"])
def depthwise_back_kernel(
    x, weight, dy, begun, dx, parts, time, channels, dilation,
    TAPS: tl.constexpr, KIND: tl.constexpr, STEPS: tl.constexpr, NUMBERS: tl.constexpr,
):  # fmt: skip
    """Writes ``dx`` as x, and ``parts (P, K + 1, D)`` of the cotangents of all weights and the bias."""
    row, s, channel = _tile(STEPS, NUMBERS)
    reach = (TAPS - 1) * dilation
    first = _first(begun, row, s, time, reach)
    own = _numbers(dy, row, s, time, channel, channels, s < time, KIND)
    total = tl.zeros([STEPS, NUMBERS], dtype=KIND)
    parts += (row * tl.num_programs(1) + tl.program_id(1)) * (TAPS + 1) * channels + channel
    for k in tl.static_range(TAPS):
        at, t = s + k * dilation, s - k * dilation
        seen = _numbers(x, row, at, time + reach, channel, channels, (s < time) & (at >= first), KIND)
        tl.store(parts + k * channels, tl.sum(own * seen, axis=0), mask=channel < channels)
        heard = (t >= 0) & (t < time) & (s >= _first(begun, row, t, time, reach))
        from_step = _numbers(dy, row, t, time, channel, channels, heard, KIND)
        total += _weights(weight, k, channel, channels, KIND) * from_step
    tl.store(parts + TAPS * channels, tl.sum(own, axis=0), mask=channel < channels)
    mask = (s < time + reach)[:, None] & (channel < channels)[None, :]
    tl.store(dx + (row * (time + reach) + s)[:, None] * channels + channel[None, :], total, mask=mask)


def forward(x: Tensor, weight: Tensor, bias: Tensor, dilation: int, segments: Segments | None) -> Tensor:
    """``(B, T, D)`` from ``x (B, T + (K - 1) dilation, D)``, ``weight (K, D)`` and ``bias (D,)``."""
    time = x.shape[1] - (len(weight) - 1) * dilation
    y = x.new_empty(x.shape[0], time, x.shape[2])
    _launch(depthwise_kernel, time, (x, weight, bias), (y,), dilation, segments)
    return y


def backward(
    x: Tensor, weight: Tensor, dy: Tensor, dilation: int, segments: Segments | None
) -> tuple[Tensor, Tensor, Tensor]:
    """The cotangents of x, weight and bias from that of the output."""
    dx = x.new_empty(x.shape)
    count, exact = len(x) * triton.cdiv(x.shape[1], STEPS), torch.promote_types(x.dtype, torch.float32)
    parts = x.new_empty(count, len(weight) + 1, x.shape[2], dtype=exact)
    _launch(depthwise_back_kernel, x.shape[1], (x, weight, dy), (dx, parts), dilation, segments)
    sums = parts.sum(0).to(x.dtype)
    return dx, sums[:-1], sums[-1]


def _launch(
    kernel: Any, steps: int, given: tuple[Tensor, ...], found: tuple[Tensor, ...], dilation: int,
    segments: Segments | None,
) -> None:  # fmt: skip
    """Over so many steps of each row."""
    x, weight = given[:2]
    time, channels = x.shape[1] - (len(weight) - 1) * dilation, x.shape[2]
    begun = None if segments is None else segments.origins
    with torch.cuda.device_of(x):
        kernel[len(x), triton.cdiv(steps, STEPS), triton.cdiv(channels, NUMBERS)](
            *(t.contiguous() for t in given), begun, *found, time, channels, dilation, **options(weight)
        )


def options(weight: Tensor) -> dict[str, Any]:
    """What both kernels are compiled for."""
    return {"TAPS": len(weight), "KIND": sums_of(weight.dtype), "STEPS": STEPS, "NUMBERS": NUMBERS}
