"""Blocks of numbers in Triton kernels: rows downwards, the numbers of a vector across, several vectors as a tuple."""

from typing import Any

import torch
import triton
import triton.language as tl


def sums_of(dtype: torch.dtype) -> Any:
    """What numbers are added up in: double precision stays, everything narrower is single precision."""
    return tl.float64 if dtype in (torch.float64, torch.complex128) else tl.float32


def precision_of(dtype: torch.dtype) -> str:
    """Of products: in single precision as torch's are, three times as many of fewer digits unless fewer will do."""
    if dtype == torch.float64:
        return "ieee"
    return "tf32x3" if dtype == torch.float32 and not torch.backends.cuda.matmul.allow_tf32 else "tf32"


@triton.jit
def states_of(channels, size, CHANNELS: tl.constexpr, SIZE: tl.constexpr):
    """A program's channels, the numbers of their states, which of these there are, and where in ``(D, S)``."""
    channel, number = tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS), tl.arange(0, SIZE)
    inside = (channel < channels)[:, None] & (number < size)[None, :]
    return channel, number, inside, channel[:, None] * size + number[None, :]


@triton.jit
def places(ROWS: tl.constexpr, WIDTH: tl.constexpr):
    """A program's rows, downwards, and the numbers of a vector, across."""
    return (tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS))[:, None], tl.arange(0, WIDTH)[None, :]


@triton.jit
def vectors(at, count: tl.constexpr, width, inside, kind: tl.constexpr):
    """``count`` vectors, of which the first stands ``at`` these places and each next one ``width`` numbers later."""
    parts = ()
    for r in tl.static_range(count):
        parts += (tl.load(at + r * width, mask=inside, other=0.0).to(kind),)
    return parts


@triton.jit
def put(at, parts, count: tl.constexpr, width, inside):
    """What ``vectors`` reads."""
    for r in tl.static_range(count):
        tl.store(at + r * width, parts[r], mask=inside)


@triton.jit
def zeros(count: tl.constexpr, high: tl.constexpr, wide: tl.constexpr, kind: tl.constexpr):
    """``count`` blocks of zeros."""
    parts = ()
    for _ in tl.static_range(count):
        parts += (tl.zeros([high, wide], dtype=kind),)
    return parts


@triton.jit
def summed(a, b, count: tl.constexpr):
    """a + b, vector by vector."""
    parts = ()
    for r in tl.static_range(count):
        parts += (a[r] + b[r],)
    return parts


@triton.jit
def over_rows(a, count: tl.constexpr):
    """What the rows add up to, vector by vector, as a block of one row."""
    parts = ()
    for r in tl.static_range(count):
        parts += (tl.sum(a[r], axis=0)[None, :],)
    return parts


@triton.jit
def rounded(a, count: tl.constexpr, dtype: tl.constexpr, kind: tl.constexpr):
    """What memory of ``dtype`` holds of a, vector by vector."""
    parts = ()
    for r in tl.static_range(count):
        parts += (a[r].to(dtype).to(kind),)
    return parts


@triton.jit
def begun(marks, here, h, m, count: tl.constexpr, begin: tl.constexpr):
    """h and the ``count`` vectors m of rows with a mark as they begin: zeros, m whatever else ``begin`` says.

    Where no row has one, nothing is done: as a selection at every step it took half as many registers again.
    """
    anew = tl.load(marks, mask=here, other=0) != 0
    if tl.max(anew.to(tl.int32)) > 0:
        parts = ()
        for r in tl.static_range(count):
            parts += (tl.where(anew, begin[r] if len(begin) > 0 else 0.0, m[r]),)
        h, m = tl.where(anew, 0.0, h), parts
    return h, m


@triton.jit
def kept(shares, h, m, h_next, m_next, count: tl.constexpr, width, inside):
    """New values and old ones, in these shares: where they are 1 the old to the last bit."""
    share, parts = vectors(shares, 1 + count, width, inside, h.dtype), ()
    for r in tl.static_range(count):
        parts += (tl.where(share[1 + r] == 1, m[r], m_next[r] + share[1 + r] * (m[r] - m_next[r])),)
    return tl.where(share[0] == 1, h, h_next + share[0] * (h - h_next)), parts


@triton.jit
def shared_out(shares, dh, dm, count: tl.constexpr, width, inside):
    """The cotangents of what ``kept`` made, between the old values, first, and the new ones."""
    share, old, new = vectors(shares, 1 + count, width, inside, dh.dtype), (), ()
    for r in tl.static_range(count):
        old += (share[1 + r] * dm[r],)
        new += (dm[r] - old[r],)
    return share[0] * dh, old, dh - share[0] * dh, new


@triton.jit
def tanh(x):
    """2 sigmoid(2 x) - 1."""
    return 2 * tl.sigmoid(2 * x) - 1


@triton.jit
def normalise(parts, count: tl.constexpr, centred, width, inside):
    """All numbers of a few vectors together, a row at a time, less ``centred`` times their mean and by their size.

    The normalised vectors and the quotient's inverse, see ``statewise.ops.compiled.norm``.
    """
    total = tl.sum(parts[0], axis=1)
    for r in tl.static_range(1, count):
        total += tl.sum(parts[r], axis=1)
    mean = centred * (total / (count * width))[:, None]
    squares = tl.zeros_like(total)
    for r in tl.static_range(count):
        rest = tl.where(inside, parts[r] - mean, 0.0)
        squares += tl.sum(rest * rest, axis=1)
    scale = (1 / tl.sqrt(squares / (count * width) + 1e-5))[:, None]
    normal = ()
    for r in tl.static_range(count):
        normal += (tl.where(inside, parts[r] - mean, 0.0) * scale,)
    return normal, scale


@triton.jit
def normalise_back(grads, normal, count: tl.constexpr, scale, centred, width):
    """The cotangents of what was normalised, from those of what came of it; they are 0 outside a row's width."""
    total = tl.sum(grads[0], axis=1)
    along = tl.sum(grads[0] * normal[0], axis=1)
    for r in tl.static_range(1, count):
        total += tl.sum(grads[r], axis=1)
        along += tl.sum(grads[r] * normal[r], axis=1)
    mean = centred * (total / (count * width))[:, None]
    along = (along / (count * width))[:, None]
    back = ()
    for r in tl.static_range(count):
        back += (scale * (grads[r] - mean - along * normal[r]),)
    return back
