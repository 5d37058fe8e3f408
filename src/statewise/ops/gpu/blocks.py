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
def mixed(new, old, share):
    """New values and old ones, in these shares: where they are 1 the old to the last bit."""
    return tl.where(share == 1, old, new + share * (old - new))


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
