"""A recurrence of two products a step on a GPU, its matrices on the chip: a launch each way, see ``chained_kernels``.

Kept for the way back are h, what the second products took and the memory, all steps of them. From them u and w of all
steps are a large product each, and so are the gradients of the matrices after the loop.
"""

from collections.abc import Sequence
from typing import Any

import torch
import triton
from torch import Tensor

from statewise.autocast import unrounded
from statewise.ops.gpu import chip
from statewise.ops.gpu.blocks import precision_of, sums_of
from statewise.ops.gpu.chained_kernels import chain_back_kernel, chain_kernel
from statewise.ops.gpu.chains import CHAINS
from statewise.ops.gpu.dense_function import by_autocast, packed, states_before, unpacked
from statewise.ops.transforms import refuse_further_derivatives


def two_products(
    gates: Any, x: Tensor, weights: Sequence[Tensor], h: Tensor, m: Tensor, anew: Tensor
) -> tuple[Tensor, Tensor]:
    """``chained_recurrence`` by these kernels; under autocast its products are as rounded as torch's."""
    matrices = (by_autocast(weight) for weight in weights)
    outputs: tuple[Tensor, Tensor] = _Recurrence.apply(type(gates), x, *matrices, h, m, anew, *gates)
    return outputs


class _Recurrence(torch.autograd.Function):
    """From plain tensors; the gates are a kind and its weights."""

    @staticmethod
    def forward(ctx: Any, kind: Any, *given: Tensor) -> tuple[Tensor, Tensor]:
        x, first, second, h, m, anew = (t.contiguous() for t in given[:6])
        own, every = given[6:], int(any(ctx.needs_input_grad))
        vectors = packed(own, h.shape[1], x)
        y = h.new_empty(len(x), *h.shape)
        v = first.new_empty(len(x) if every else 1, len(h), second.shape[1])
        memory = m.new_empty(every * len(x) + 1, *m.shape)
        memory[0] = m
        if len(h):
            plugs, room = CHAINS[kind], torch.empty_like(h, dtype=first.dtype)
            with torch.cuda.device_of(x):
                chain_kernel[(triton.cdiv(len(h), chip.ROWS),)](
                    x, first, second, vectors, anew, h, room, v, y, memory,
                    *x.shape[:2], h.shape[1], v.shape[2], every,
                    **options(kind, x, first, second, m, vectors, anew, chip.room(x.device), going_back=False),
                    OPEN=plugs.open, CLOSE=plugs.close,
                )  # fmt: skip
        ctx.kind = kind
        ctx.save_for_backward(x, first, second, h, anew, y, v, memory, vectors, *own)
        return y, memory[-1].clone()

    @staticmethod
    def backward(ctx: Any, dy: Tensor, dm_last: Tensor) -> Any:
        refuse_further_derivatives("chained_recurrence")
        x, first, second, h, anew, y, v, memory, vectors, *own = ctx.saved_tensors
        with unrounded(x):
            before = states_before(h, y, anew)
            flat = [part.flatten(0, 1).to(first.dtype) for part in (before, v)]
            u, w = (part @ weight.t() for part, weight in zip(flat, (first, second), strict=True))
            dx, du, dw, dh = (torch.empty_like(part) for part in (x, u, w, h))
            dm = dm_last.clone(memory_format=torch.contiguous_format)
            d_own = vectors.new_zeros(triton.cdiv(len(h), chip.ROWS), *vectors.shape)
            if len(h):
                plugs = CHAINS[ctx.kind]
                with torch.cuda.device_of(x):
                    chain_back_kernel[(len(d_own),)](
                        x, u, w, first, second, vectors, anew, before, memory, dy.contiguous(),
                        dx, du, dw, dh, dm, d_own, *x.shape[:2], h.shape[1], v.shape[2],
                        **options(ctx.kind, x, first, second, dm, vectors, anew, chip.room(x.device), going_back=True),
                        UNCLOSE=plugs.unclose, UNOPEN=plugs.unopen,
                    )  # fmt: skip
            d_first, d_second = (d.t() @ part for d, part in zip((du, dw), flat, strict=True))
        return None, dx, d_first, d_second, dh, dm, None, *unpacked(d_own.sum(0), own)


def options(
    kind: Any, x: Tensor, first: Tensor, second: Tensor, m: Tensor, own: Tensor, anew: Tensor, room: int, *,
    going_back: bool,
) -> dict[str, Any]:  # fmt: skip
    """What a kernel is compiled for. ``room`` are the bytes that the threads of a program share.

    The matrices stay on the chip where they have room there, beside what is read at a step, a step ahead, and what is
    written.
    """
    plugs, (width, wide) = CHAINS[kind], (own.shape[1], second.shape[1])
    across, inner = chip.block_of(width), chip.block_of(wide)
    products, heads, memory = len(first) // wide, len(second) // width, m.shape[1] // wide
    vectors = (x.shape[2] - plugs.numbers) // wide
    read = vectors + going_back * (products + heads + memory + 2)
    numbers = (products + heads) * across * inner * chip.copies(first) + (read + 1) * chip.ROWS * max(across, inner)
    return {
        "G": vectors, "E": plugs.numbers, "R": products, "S": heads, "M": memory, "P": len(own),
        "ANEW": bool(len(anew)), "RESIDENT": numbers * first.element_size() <= room,
        "PRECISION": precision_of(first.dtype), "KIND": sums_of(first.dtype),
        "ROWS": chip.ROWS, "ACROSS": across, "INNER": inner, "TILE": 16 if first.element_size() > 2 else 32,
        "num_warps": chip.WARPS[max(across, inner)], "num_stages": 2,
    }  # fmt: skip
