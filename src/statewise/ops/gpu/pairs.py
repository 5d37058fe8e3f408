"""Tiles of numbers in Triton kernels, real ones as ``(x,)`` and complex ones as ``(real, imaginary)``.

In memory an imaginary part follows its real part. Steps run downwards, the numbers of a step across.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor


def as_reals(x: Tensor) -> Tensor:
    """What kernels read of complex numbers: pairs in one more axis; real ones as they are."""
    return torch.view_as_real(x.resolve_conj()) if x.is_complex() else x


@triton.jit
def read(at, mask, otherwise, COMPLEX: tl.constexpr, KIND: tl.constexpr):
    """The numbers at these places, and where the mask is false this real one."""
    x = (tl.load(at, mask=mask, other=otherwise).to(KIND),)
    if COMPLEX:
        x += (tl.load(at + 1, mask=mask, other=0.0).to(KIND),)
    return x


@triton.jit
def write(at, x, mask, COMPLEX: tl.constexpr):
    """What ``read`` reads."""
    tl.store(at, x[0], mask=mask)
    if COMPLEX:
        tl.store(at + 1, x[1], mask=mask)


@triton.jit
def zeros(across: tl.constexpr, COMPLEX: tl.constexpr, KIND: tl.constexpr):
    """One step of them."""
    nothing = tl.zeros([1, across], dtype=KIND)
    return (nothing, nothing) if COMPLEX else (nothing,)


@triton.jit
def chosen(condition, x, otherwise, COMPLEX: tl.constexpr):
    """x where the condition holds: not a multiple of the other ones, which may be NaN."""
    found = (tl.where(condition, x[0], otherwise[0]),)
    if COMPLEX:
        found += (tl.where(condition, x[1], otherwise[1]),)
    return found


@triton.jit
def repeated(x, mask, COMPLEX: tl.constexpr):
    """One step's numbers at all steps of a tile, and where the mask is false 1."""
    found = (tl.where(mask, x[0], 1.0),)
    if COMPLEX:
        found += (tl.where(mask, x[1], 0.0),)
    return found


@triton.jit
def conjugate(x, COMPLEX: tl.constexpr):
    """Of real numbers themselves."""
    return (x[0], -x[1]) if COMPLEX else x


@triton.jit
def product(x, y, COMPLEX: tl.constexpr):
    """x y."""
    return (x[0] * y[0] - x[1] * y[1], x[0] * y[1] + x[1] * y[0]) if COMPLEX else (x[0] * y[0],)


@triton.jit
def total(x, y, COMPLEX: tl.constexpr):
    """x + y."""
    return (x[0] + y[0], x[1] + y[1]) if COMPLEX else (x[0] + y[0],)


@triton.jit
def over_steps(x, counted, COMPLEX: tl.constexpr):
    """The sum over those steps of a tile that count."""
    found = (tl.sum(tl.where(counted, x[0], 0.0), axis=0, keep_dims=True),)
    if COMPLEX:
        found += (tl.sum(tl.where(counted, x[1], 0.0), axis=0, keep_dims=True),)
    return found


@triton.jit
def then(a, b, a_next, b_next):
    """Two maps h -> a h + b, one after the other."""
    return a * a_next, a_next * b + b_next


@triton.jit
def _then_complex(a, a_i, b, b_i, a_next, a_next_i, b_next, b_next_i):
    """``then`` for pairs."""
    return (
        a * a_next - a_i * a_next_i,
        a * a_next_i + a_i * a_next,
        a_next * b - a_next_i * b_i + b_next,
        a_next * b_i + a_next_i * b + b_next_i,
    )


@triton.jit
def recurrence(a, b, carried, COMPLEX: tl.constexpr):
    """All h of a tile, h_t = a_t h_{t-1} + b_t, from the one that was carried there: scanned in parallel.

    Blelloch 1990: (a, b) then (a', b') is (a' a, a' b + b').
    """
    if COMPLEX:
        a, a_i, b, b_i = tl.associative_scan((a[0], a[1], b[0], b[1]), 0, _then_complex)
        states = (a * carried[0] - a_i * carried[1] + b, a * carried[1] + a_i * carried[0] + b_i)
    else:
        a, b = tl.associative_scan((a[0], b[0]), 0, then)
        states = (a * carried[0] + b,)
    return states
