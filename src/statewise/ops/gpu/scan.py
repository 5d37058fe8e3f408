"""The linear recurrence h_t = a_t h_{t-1} + b_t as a Triton kernel each way.

A program takes one row and a block of its numbers, and goes through time in tiles: it loads a tile of a and b, scans it
in parallel (Blelloch 1990: (a, b) then (a', b') is (a' a, a' b + b')), adds what the tile before handed on, and stores
it. So memory is read and written once, and what is carried stays in registers; the way back works out the cotangents of
a as it goes. Complex numbers are pairs, real and imaginary part side by side. Where a product of coefficients of one
tile overflows, so does the tile, although the recurrence might not: |a| up to 16 is safe in single precision.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from statewise.ops.gpu.blocks import sums_of

STEPS, NUMBERS = 32, 64
"""A tile: so many steps of so many numbers"""


@triton.jit
def then(a, b, a_next, b_next):
    """Two maps h -> a h + b, one after the other."""
    return a * a_next, a_next * b + b_next


@triton.jit(do_not_specialize=["time"])
def _scan_kernel(
    a, b, initial, h, time, size,
    a_row, a_time, a_number, b_row, b_time, b_number,
    KIND: tl.constexpr, STEPS: tl.constexpr, NUMBERS: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0).to(tl.int64)
    number = tl.program_id(1) * NUMBERS + tl.arange(0, NUMBERS)
    inside = number < size
    carried = tl.load(initial + row * size + number, mask=inside, other=0.0).to(KIND)
    for tile in range(0, tl.cdiv(time, STEPS)):
        order = tile * STEPS + tl.arange(0, STEPS)
        t = order.to(tl.int64)
        mask = (order < time)[:, None] & inside[None, :]
        at_a = row * a_row + t[:, None] * a_time + number[None, :] * a_number
        at_b = row * b_row + t[:, None] * b_time + number[None, :] * b_number
        factor = tl.load(a + at_a, mask=mask, other=1.0).to(KIND)
        driven = tl.load(b + at_b, mask=mask, other=0.0).to(KIND)
        factors, sums = tl.associative_scan((factor, driven), 0, then)
        states = factors * carried[None, :] + sums
        tl.store(h + (row * time + t[:, None]) * size + number[None, :], states, mask=mask)
        last = (tl.arange(0, STEPS) == STEPS - 1)[:, None]
        carried = tl.sum(tl.where(last, states, 0.0), axis=0)


@triton.jit
def _then_complex(a, a_i, b, b_i, a_next, a_next_i, b_next, b_next_i):
    """``then`` for pairs."""
    return (
        a * a_next - a_i * a_next_i,
        a * a_next_i + a_i * a_next,
        a_next * b - a_next_i * b_i + b_next,
        a_next * b_i + a_next_i * b + b_next_i,
    )


@triton.jit(do_not_specialize=["time"])
def _complex_scan_kernel(
    a, b, initial, h, time, size,
    a_row, a_time, a_number, b_row, b_time, b_number,
    KIND: tl.constexpr, STEPS: tl.constexpr, NUMBERS: tl.constexpr,
):  # fmt: skip
    """As ``_scan_kernel``; strides count real numbers, and an imaginary part follows its real part."""
    row = tl.program_id(0).to(tl.int64)
    number = tl.program_id(1) * NUMBERS + tl.arange(0, NUMBERS)
    inside = number < size
    at_start = initial + 2 * (row * size + number)
    carried = tl.load(at_start, mask=inside, other=0.0).to(KIND)
    carried_i = tl.load(at_start + 1, mask=inside, other=0.0).to(KIND)
    last = (tl.arange(0, STEPS) == STEPS - 1)[:, None]
    for tile in range(0, tl.cdiv(time, STEPS)):
        order = tile * STEPS + tl.arange(0, STEPS)
        t = order.to(tl.int64)
        mask = (order < time)[:, None] & inside[None, :]
        at_a = a + row * a_row + t[:, None] * a_time + number[None, :] * a_number
        at_b = b + row * b_row + t[:, None] * b_time + number[None, :] * b_number
        factor, factor_i = tl.load(at_a, mask=mask, other=1.0), tl.load(at_a + 1, mask=mask, other=0.0)
        driven, driven_i = tl.load(at_b, mask=mask, other=0.0), tl.load(at_b + 1, mask=mask, other=0.0)
        factor, factor_i, driven, driven_i = tl.associative_scan((factor, factor_i, driven, driven_i), 0, _then_complex)
        states = factor * carried[None, :] - factor_i * carried_i[None, :] + driven
        states_i = factor * carried_i[None, :] + factor_i * carried[None, :] + driven_i
        at_h = h + 2 * ((row * time + t[:, None]) * size + number[None, :])
        tl.store(at_h, states, mask=mask)
        tl.store(at_h + 1, states_i, mask=mask)
        carried = tl.sum(tl.where(last, states, 0.0), axis=0)
        carried_i = tl.sum(tl.where(last, states_i, 0.0), axis=0)


@triton.jit(do_not_specialize=["time"])
def _scan_back_kernel(
    a, initial, h, grad, da, g, d_initial, time, size,
    a_row, a_time, a_number, grad_row, grad_time, grad_number,
    KIND: tl.constexpr, STEPS: tl.constexpr, NUMBERS: tl.constexpr,
):  # fmt: skip
    """g_t = dh_t + a_{t+1} g_{t+1} from the end, da_t = g_t h_{t-1}, and at the start a_1 g_1."""
    row = tl.program_id(0).to(tl.int64)
    number = tl.program_id(1) * NUMBERS + tl.arange(0, NUMBERS)
    inside = number < size
    at_start = row * size + number
    first = tl.load(initial + at_start, mask=inside, other=0.0).to(KIND)
    carried = tl.zeros([NUMBERS], dtype=KIND)
    last = (tl.arange(0, STEPS) == STEPS - 1)[:, None]
    for tile in range(0, tl.cdiv(time, STEPS)):
        order = tile * STEPS + tl.arange(0, STEPS)
        t = (time - 1 - order).to(tl.int64)[:, None]
        mask = (order < time)[:, None] & inside[None, :]
        at_a = a + row * a_row + (t + 1) * a_time + number[None, :] * a_number
        factor = tl.load(at_a, mask=mask & (t + 1 < time), other=1.0).to(KIND)
        at_grad = grad + row * grad_row + t * grad_time + number[None, :] * grad_number
        driven = tl.load(at_grad, mask=mask, other=0.0).to(KIND)
        factors, sums = tl.associative_scan((factor, driven), 0, then)
        grads = factors * carried[None, :] + sums
        at = (row * time + t) * size + number[None, :]
        before = tl.load(h + at - size, mask=mask & (t > 0), other=0.0).to(KIND)
        before = tl.where(t > 0, before, first[None, :])
        tl.store(g + at, grads, mask=mask)
        tl.store(da + at, grads * before, mask=mask)
        carried = tl.sum(tl.where(last, grads, 0.0), axis=0)
    factor = tl.load(a + row * a_row + number * a_number, mask=inside, other=0.0).to(KIND)
    tl.store(d_initial + at_start, factor * carried, mask=inside)


@triton.jit(do_not_specialize=["time"])
def _complex_scan_back_kernel(
    a, initial, h, grad, da, g, d_initial, time, size,
    a_row, a_time, a_number, grad_row, grad_time, grad_number,
    KIND: tl.constexpr, STEPS: tl.constexpr, NUMBERS: tl.constexpr,
):  # fmt: skip
    """As ``_scan_back_kernel`` with conjugates of a and h, for pairs as in ``_complex_scan_kernel``."""
    row = tl.program_id(0).to(tl.int64)
    number = tl.program_id(1) * NUMBERS + tl.arange(0, NUMBERS)
    inside = number < size
    at_start = 2 * (row * size + number)
    first = tl.load(initial + at_start, mask=inside, other=0.0).to(KIND)
    first_i = tl.load(initial + at_start + 1, mask=inside, other=0.0).to(KIND)
    carried, carried_i = tl.zeros([NUMBERS], dtype=KIND), tl.zeros([NUMBERS], dtype=KIND)
    last = (tl.arange(0, STEPS) == STEPS - 1)[:, None]
    for tile in range(0, tl.cdiv(time, STEPS)):
        order = tile * STEPS + tl.arange(0, STEPS)
        t = (time - 1 - order).to(tl.int64)[:, None]
        mask = (order < time)[:, None] & inside[None, :]
        at_a = a + row * a_row + (t + 1) * a_time + number[None, :] * a_number
        factor = tl.load(at_a, mask=mask & (t + 1 < time), other=1.0)
        factor_i = -tl.load(at_a + 1, mask=mask & (t + 1 < time), other=0.0)
        at_grad = grad + row * grad_row + t * grad_time + number[None, :] * grad_number
        driven, driven_i = tl.load(at_grad, mask=mask, other=0.0), tl.load(at_grad + 1, mask=mask, other=0.0)
        factor, factor_i, driven, driven_i = tl.associative_scan((factor, factor_i, driven, driven_i), 0, _then_complex)
        grads = factor * carried[None, :] - factor_i * carried_i[None, :] + driven
        grads_i = factor * carried_i[None, :] + factor_i * carried[None, :] + driven_i
        at = 2 * ((row * time + t) * size + number[None, :])
        before = tl.load(h + at - 2 * size, mask=mask & (t > 0), other=0.0)
        before_i = tl.load(h + at - 2 * size + 1, mask=mask & (t > 0), other=0.0)
        before, before_i = tl.where(t > 0, before, first[None, :]), tl.where(t > 0, before_i, first_i[None, :])
        tl.store(g + at, grads, mask=mask)
        tl.store(g + at + 1, grads_i, mask=mask)
        tl.store(da + at, grads * before + grads_i * before_i, mask=mask)
        tl.store(da + at + 1, grads_i * before - grads * before_i, mask=mask)
        carried = tl.sum(tl.where(last, grads, 0.0), axis=0)
        carried_i = tl.sum(tl.where(last, grads_i, 0.0), axis=0)
    at_a = a + row * a_row + number * a_number
    factor, factor_i = tl.load(at_a, mask=inside, other=0.0), -tl.load(at_a + 1, mask=inside, other=0.0)
    tl.store(d_initial + at_start, factor * carried - factor_i * carried_i, mask=inside)
    tl.store(d_initial + at_start + 1, factor * carried_i + factor_i * carried, mask=inside)


def states(a: Tensor, b: Tensor, initial: Tensor) -> Tensor:
    """All h ``(B, T, D)`` from ``a (B or 1, T or 1, D)``, ``b (B, T, D)`` and ``initial (B, D)``, of any strides."""
    batch, time, size = b.shape
    h = torch.empty((batch, time, size), dtype=initial.dtype, device=b.device)
    kernel = _complex_scan_kernel if h.is_complex() else _scan_kernel
    a, b, initial, out = (_as_reals(x) for x in (a.expand_as(b), b, initial.contiguous(), h))
    if h.numel():
        with torch.cuda.device_of(h):
            kernel[(batch, triton.cdiv(size, NUMBERS))](
                a, b, initial, out, time, size, *a.stride()[:3], *b.stride()[:3], sums_of(h.dtype), STEPS, NUMBERS
            )
    return h


def gradients(a: Tensor, initial: Tensor, h: Tensor, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Those of ``a``, ``b`` and ``initial`` from the cotangents of h: the recurrence from the end."""
    batch, time, size = h.shape
    if not h.numel():
        return torch.zeros_like(a), torch.zeros_like(h), torch.zeros_like(initial)
    da, g = (torch.empty(h.shape, dtype=h.dtype, device=h.device) for _ in range(2))
    d_initial = torch.empty(initial.shape, dtype=h.dtype, device=h.device)
    kernel = _complex_scan_back_kernel if h.is_complex() else _scan_back_kernel
    read = [_as_reals(x) for x in (a.expand_as(h), initial.contiguous(), h.contiguous(), grad)]
    with torch.cuda.device_of(h):
        kernel[(batch, triton.cdiv(size, NUMBERS))](
            *read, *(_as_reals(x) for x in (da, g, d_initial)), time, size,
            *read[0].stride()[:3], *read[3].stride()[:3], sums_of(h.dtype), STEPS, NUMBERS,
        )  # fmt: skip
    return da.sum_to_size(a.shape), g, d_initial


def _as_reals(x: Tensor) -> Tensor:
    """Complex numbers as pairs in one more axis, real ones as they are."""
    return torch.view_as_real(x.resolve_conj()) if x.is_complex() else x
