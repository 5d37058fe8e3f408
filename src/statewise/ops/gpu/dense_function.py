"""What the forms of a dense recurrence for GPUs share: everything beside the loop over steps.

Kept for the way back are h and the memory of all steps. From them u of all steps is one large product, and so are the
gradients of U and b after the loop. Letters as in ``statewise.ops.dense_recurrence``, W vectors of the gates' own.
"""

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
    device = x.device.type
    if torch.is_autocast_enabled(device) and weight.dtype != torch.float64:
        weight = weight.to(torch.get_autocast_dtype(device))
    outputs: tuple[Tensor, Tensor] = _Recurrence.apply(loops, type(gates), x, weight, *rest, *gates)
    return outputs


class _Recurrence(torch.autograd.Function):
    """From plain tensors; the gates are a kind and its weights."""

    @staticmethod
    def forward(
        ctx: Any, loops: Loops, kind: Any, x: Tensor, weight: Tensor, bias: Tensor, h: Tensor, *rest: Tensor
    ) -> tuple[Tensor, Tensor]:
        m, keep, mask, anew, *own = rest
        x, weight, bias, h, m, keep, mask, anew = (t.contiguous() for t in (x, weight, bias, h, m, keep, mask, anew))
        packed = _packed(own, h.shape[1], x)
        y, memory = loops.forward(kind, x, weight, bias, packed, h, m, keep, mask, anew, any(ctx.needs_input_grad))
        ctx.loops, ctx.kind = loops, kind
        ctx.save_for_backward(x, weight, bias, h, keep, mask, anew, y, memory, packed, *own)
        return y, memory[-1].clone()

    @staticmethod
    def backward(ctx: Any, dy: Tensor, dm_last: Tensor) -> Any:
        refuse_further_derivatives("dense_recurrence")
        x, weight, bias, h, keep, mask, anew, y, memory, packed, *own = ctx.saved_tensors
        with unrounded(x):
            before = torch.cat([h.unsqueeze(0), y[:-1]])
            if len(anew):
                before.masked_fill_(anew.unsqueeze(2), 0)
            seen = (before * mask if len(mask) else before).flatten(0, 1).to(weight.dtype)
            u = torch.addmm(bias.to(weight.dtype), seen, weight.t()).view(*y.shape[:2], -1, y.shape[2])
            dx, du, dh, dm, d_packed = ctx.loops.backward(
                ctx.kind, x, u, weight, packed, keep, mask, anew, before, memory, dy.contiguous(), dm_last
            )
            flat = du.view(len(seen), -1)
            d_weight, d_bias = flat.t() @ seen, flat.sum(0).to(bias.dtype)
        return None, None, dx, d_weight, d_bias, dh, dm, None, None, None, *_unpacked(d_packed, own)


def _packed(own: list[Tensor], width: int, like: Tensor) -> Tensor:
    """All vectors of the gates' own weights ``(W, H)``, a number as a vector."""
    vectors = [part.expand(width).unsqueeze(0) if part.shape == (1,) else part.reshape(-1, width) for part in own]
    return torch.cat(vectors) if vectors else like.new_empty(0, width)


def _unpacked(packed: Tensor, own: list[Tensor]) -> list[Tensor]:
    """The gradients of the gates' own weights from those of all their vectors."""
    rows = packed.split([1 if part.shape == (1,) else part.numel() // packed.shape[1] for part in own]) if own else ()
    return [
        (row.sum(1) if part.shape == (1,) else row.reshape(part.shape)).to(part.dtype)
        for row, part in zip(rows, own, strict=True)
    ]
