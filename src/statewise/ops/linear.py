"""The product of many vectors with one matrix, as a sequence's at all its steps.

    y = W x + b

Forms: ``reference``, torch's own, which on x86 is MKL's product; ``onednn``, that of the library by which torch.nn.LSTM
works, which takes half of MKL's time on AMD's processors.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.compiler import is_compiling

from statewise.ops.forms import Forms
from statewise.ops.transforms import transforming

LARGE = 2**21
"""Multiply-adds from which oneDNN's product repays what its call costs above MKL's, some 15 us"""


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """W x + b of every vector.

    Args:
        x: ``(..., D)``.
        weight: W ``(N, D)``.
        bias: b ``(N,)``; ``None`` for zeros.

    Returns:
        ``(..., N)``.

    >>> linear(torch.ones(2, 5, 3), torch.ones(4, 3), torch.ones(4))[1, 4]
    tensor([4., 4., 4., 4.])
    """
    return FORMS(x, weight, bias)


def reference(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """torch's own product."""
    return F.linear(x, weight, bias)


def onednn(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """oneDNN's, through the operation that torch's compiler calls; single precision, on a CPU."""
    y: Tensor = _OneDNN.apply(x.contiguous(), weight if _lies_whole(weight) else weight.contiguous(), bias)
    return y


def is_small(x: Tensor, weight: Tensor) -> bool:
    """Whether the product is torch's own for its size alone, which a step asks before it asks for a form."""
    return is_compiling() or x.numel() * weight.shape[0] < LARGE


def rule(x: Tensor, weight: Tensor, bias: Tensor | None) -> str:
    """Which form runs: oneDNN's for large products of plain numbers where torch would take MKL's."""
    if is_small(x, weight) or not x.is_cpu:
        return "reference"
    tensors = (x, weight) if bias is None else (x, weight, bias)
    serves = (
        torch.backends.mkl.is_available()
        and torch.backends.mkldnn.is_available()
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
        and all(type(t) in (Tensor, nn.Parameter) and t.dtype == torch.float32 and t.is_cpu for t in tensors)
        and not torch.is_autocast_enabled("cpu")
        and not torch._C._len_torch_dispatch_stack()
        and not transforming()
    )
    return "onednn" if serves else "reference"


FORMS = Forms("linear", {"reference": reference, "onednn": onednn}, rule)


def _lies_whole(weight: Tensor) -> bool:
    """Whether the matrix, or what it is transposed from, lies in one piece: a part of another would go the slow way."""
    return weight.is_contiguous() or weight.t().is_contiguous()


class _OneDNN(torch.autograd.Function):
    """``onednn``, on the way back too; its gradients are made of ``linear`` and so have gradients themselves."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        y: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
        return y

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        for_x, for_weight, for_bias = ctx.needs_input_grad
        return (
            linear(dy, weight.t()) if for_x else None,
            matrix_gradient(dy, x) if for_weight else None,
            dy.flatten(0, -2).sum(0) if for_bias else None,
        )


def matrix_gradient(dy: Tensor, x: Tensor) -> Tensor:
    """The gradient ``(N, D)`` of W from that of y = W x: the sum over all vectors of dy x'.

    One of the two is laid anew for the product: the narrower.

    >>> matrix_gradient(torch.ones(2, 5, 4), torch.ones(2, 5, 3))[3]
    tensor([10., 10., 10.])
    """
    x, dy = x.flatten(0, -2).t(), dy.flatten(0, -2).t()
    return linear(x, dy).t() if x.shape[0] < dy.shape[0] else linear(dy, x)
