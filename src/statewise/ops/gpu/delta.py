"""What of a delta rule in chunks goes from one chunk to the next, as a Triton kernel each way.

    u_c = w_c - r_c S_c,    S_{c+1} = k_c S_c + l_c^T u_c

with a matrix S for a state, see ``statewise.ops.delta_rule``. A program takes one head of one row and some columns of
S, and goes through the chunks with them. Letters: B rows, C chunks, N heads, Q steps a chunk, K and V.
"""

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from statewise.ops.gpu.blocks import precision_of, sums_of

COLUMNS = 16
"""Of S, a program's"""


@triton.jit
def _matrix(of, number, down, height, across, width, KIND: tl.constexpr):
    """Some rows and columns of the ``number``th of many matrices, 0 outside it."""
    at = (number * height + down[:, None]) * width + across[None, :]
    return tl.load(of + at, mask=(down < height)[:, None] & (across < width)[None, :], other=0.0).to(KIND)


@triton.jit
def _put_matrix(of, number, down, height, across, width, matrix):
    """What ``_matrix`` reads."""
    at = (number * height + down[:, None]) * width + across[None, :]
    tl.store(of + at, matrix, mask=(down < height)[:, None] & (across < width)[None, :])


@triton.jit(do_not_specialize=["chunks"])
def states_kernel(
    written, replaced, left, kept, initial, u, before, last, chunks, heads, steps, keys, values,
    PRECISION: tl.constexpr, KIND: tl.constexpr, STEPS: tl.constexpr, KEYS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    """Writes ``u (B, C, N, Q, V)``, the states before all chunks ``(B, C, N, K, V)`` and the last ``(B, N, K, V)``."""
    head = tl.program_id(0).to(tl.int64)
    step, key, value = tl.arange(0, STEPS), tl.arange(0, KEYS), tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    state = _matrix(initial, head, key, keys, value, values, KIND)
    for c in range(0, chunks):
        at = (head // heads * chunks + c) * heads + head % heads
        _put_matrix(before, at, key, keys, value, values, state)
        r = _matrix(replaced, at, step, steps, key, keys, KIND)
        remembered = _matrix(left, at, step, steps, key, keys, KIND)
        added = _matrix(written, at, step, steps, value, values, KIND)
        added -= tl.dot(r, state, input_precision=PRECISION, out_dtype=KIND)
        _put_matrix(u, at, step, steps, value, values, added)
        factor = tl.load(kept + at).to(KIND)
        state = factor * state + tl.dot(tl.trans(remembered), added, input_precision=PRECISION, out_dtype=KIND)
    _put_matrix(last, head, key, keys, value, values, state)


@triton.jit(do_not_specialize=["chunks"])
def states_back_kernel(
    replaced, left, kept, du, d_before, d_last, dw, d_after, d_initial, chunks, heads, steps, keys, values,
    PRECISION: tl.constexpr, KIND: tl.constexpr, STEPS: tl.constexpr, KEYS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    """Writes the cotangents of w, of the states after all chunks and of the first one, from those of u and states."""
    head = tl.program_id(0).to(tl.int64)
    step, key, value = tl.arange(0, STEPS), tl.arange(0, KEYS), tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    grad = _matrix(d_last, head, key, keys, value, values, KIND)
    for back in range(0, chunks):
        at = (head // heads * chunks + chunks - 1 - back) * heads + head % heads
        _put_matrix(d_after, at, key, keys, value, values, grad)
        r = _matrix(replaced, at, step, steps, key, keys, KIND)
        remembered = _matrix(left, at, step, steps, key, keys, KIND)
        d_added = _matrix(du, at, step, steps, value, values, KIND)
        d_added += tl.dot(remembered, grad, input_precision=PRECISION, out_dtype=KIND)
        _put_matrix(dw, at, step, steps, value, values, d_added)
        own = _matrix(d_before, at, key, keys, value, values, KIND)
        factor = tl.load(kept + at).to(KIND)
        grad = own + factor * grad - tl.dot(tl.trans(r), d_added, input_precision=PRECISION, out_dtype=KIND)
    _put_matrix(d_initial, head, key, keys, value, values, grad)


def states(
    written: Tensor, replaced: Tensor, left: Tensor, kept: Tensor, initial: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """u, the states before all chunks, and the last."""
    batch, chunks, heads, steps, values = written.shape
    keys = replaced.shape[-1]
    u = torch.empty_like(written, memory_format=torch.contiguous_format)
    before = initial.new_empty(batch, chunks, heads, keys, values)
    last = torch.empty_like(initial, memory_format=torch.contiguous_format)
    if last.numel():
        with torch.cuda.device_of(written):
            states_kernel[(batch * heads, triton.cdiv(values, COLUMNS))](
                *(x.contiguous() for x in (written, replaced, left, kept, initial)), u, before, last,
                chunks, heads, steps, keys, values, **options(written.dtype, steps, keys),
            )  # fmt: skip
    return u, before, last


def gradients(
    replaced: Tensor,
    left: Tensor,
    kept: Tensor,
    u: Tensor,
    before: Tensor,
    du: Tensor,
    d_before: Tensor,
    d_last: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Those of w, r, l, k and the first state; all that needs no order of chunks is a product of torch's."""
    batch, chunks, heads, steps, values = u.shape
    keys = replaced.shape[-1]
    dw, d_after = torch.empty_like(u), torch.empty_like(before)
    d_initial = torch.empty_like(d_last, memory_format=torch.contiguous_format)
    if d_last.numel():
        with torch.cuda.device_of(u):
            states_back_kernel[(batch * heads, triton.cdiv(values, COLUMNS))](
                *(x.contiguous() for x in (replaced, left, kept, du, d_before, d_last)), dw, d_after, d_initial,
                chunks, heads, steps, keys, values, **options(u.dtype, steps, keys),
            )  # fmt: skip
    d_kept = (before * d_after).sum((-2, -1), keepdim=True)
    return dw, -dw @ before.mT, u @ d_after.mT, d_kept, d_initial


def options(dtype: torch.dtype, steps: int, keys: int) -> dict[str, Any]:
    """What the kernels are compiled for."""
    return {
        "PRECISION": precision_of(dtype), "KIND": sums_of(dtype), "COLUMNS": COLUMNS,
        "STEPS": max(16, triton.next_power_of_2(steps)), "KEYS": max(16, triton.next_power_of_2(keys)),
        "num_warps": 8, "num_stages": 2,
    }  # fmt: skip
