"""What the forms of a dense recurrence for GPUs share: everything beside the loop over steps.

Kept for the way back are h and the memory of all steps. From them u of all steps is one large product, and so are the
gradients of U and b after the loop. Letters as in ``statewise.ops.dense_recurrence``, W vectors of the gates' own.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from statewise.autocast import unrounded
from statewise.ops.transforms import refuse_further_derivatives


class Loops(Protocol):
    """The loop over steps each way: a module."""

    def forward(
        self, kind: Any, x: Tensor, weight: Tensor, bias: Tensor, own: Tensor, h: Tensor, m: Tensor, keep: Tensor,
        mask: Tensor, anew: Tensor, going_back: bool,
    ) -> tuple[Tensor, Tensor]: ...  # fmt: skip

    def backward(
        self, kind: Any, x: Tensor, u: Tensor, weight: Tensor, own: Tensor, keep: Tensor, mask: Tensor, anew: Tensor,
        before: Tensor, memory: Tensor, dy: Tensor, dm_last: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]: ...  # fmt: skip


def by_loops(loops: Loops, gates: Any, x: Tensor, weight: Tensor, *rest: Tensor) -> tuple[Tensor, Tensor]:
    """``dense_recurrence`` by these loops; under autocast its products are as rounded as torch's."""
    outputs: tuple[Tensor, Tensor] = _Recurrence.apply(loops, type(gates), x, by_autocast(weight), *rest, *gates)
    return outputs


def by_autocast(weight: Tensor) -> Tensor:
    """``weight`` as torch rounds it for products."""
    device = weight.device.type
    if torch.is_autocast_enabled(device) and weight.dtype != torch.float64:
        return weight.to(torch.get_autocast_dtype(device))
    return weight


def states_before(h: Tensor, y: Tensor, anew: Tensor) -> Tensor:
    """``(T, B, H)``: h as each step has it, zeros in rows that begin anew."""
    before = torch.cat([h.unsqueeze(0), y[:-1]])
    return before.masked_fill_(anew.unsqueeze(2), 0) if len(anew) else before


class _Recurrence(torch.autograd.Function):
    """From plain tensors; the gates are a kind and its weights."""

    @staticmethod
    def forward(
        ctx: Any, loops: Loops, kind: Any, x: Tensor, weight: Tensor, bias: Tensor, h: Tensor, *rest: Tensor
    ) -> tuple[Tensor, Tensor]:
        m, keep, mask, anew, *own = rest
        x, weight, bias, h, m, keep, mask, anew = (t.contiguous() for t in (x, weight, bias, h, m, keep, mask, anew))
        vectors = packed(own, h.shape[1], x)
        y, memory = loops.forward(kind, x, weight, bias, vectors, h, m, keep, mask, anew, any(ctx.needs_input_grad))
        ctx.loops, ctx.kind = loops, kind
        ctx.save_for_backward(x, weight, bias, h, keep, mask, anew, y, memory, vectors, *own)
        return y, memory[-1].clone()

    @staticmethod
    def backward(ctx: Any, dy: Tensor, dm_last: Tensor) -> Any:
        refuse_further_derivatives("dense_recurrence")
        x, weight, bias, h, keep, mask, anew, y, memory, vectors, *own = ctx.saved_tensors
        with unrounded(x):
            before = states_before(h, y, anew)
            seen = (before * mask if len(mask) else before).flatten(0, 1).to(weight.dtype)
            u = torch.addmm(bias.to(weight.dtype), seen, weight.t()).view(*y.shape[:2], -1, y.shape[2])
            dx, du, dh, dm, d_vectors = ctx.loops.backward(
                ctx.kind, x, u, weight, vectors, keep, mask, anew, before, memory, dy.contiguous(), dm_last
            )
            flat = du.view(len(seen), -1)
            d_weight, d_bias = flat.t() @ seen, flat.sum(0).to(bias.dtype)
        return None, None, dx, d_weight, d_bias, dh, dm, None, None, None, *unpacked(d_vectors, own)


def packed(own: Sequence[Tensor], width: int, like: Tensor) -> Tensor:
    """All vectors of the gates' own weights ``(W, H)``, a number as a vector."""
    vectors = [part.expand(width) if part.shape == (1,) else part for part in own]
    return (
        torch.cat([part.reshape(part.numel() // width, width) for part in vectors]) if own else like.new_empty(0, width)
    )


def unpacked(vectors: Tensor, own: Sequence[Tensor]) -> list[Tensor]:
    """The gradients of the gates' own weights from those of all their vectors."""
    width = vectors.shape[1]
    rows = vectors.split([1 if part.shape == (1,) else part.numel() // width for part in own]) if own else ()
    return [
        (row.sum(1) if part.shape == (1,) else row.reshape(part.shape)).to(part.dtype)
        for row, part in zip(rows, own, strict=True)
    ]
