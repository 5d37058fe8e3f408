"""Layer and root mean square normalisation of many vectors.

    y = s * N(x) + b,    N(x) = (x - c mean(x)) / sqrt(mean((x - c mean(x))^2) + e)

LayerNorm (Ba, Kiros & Hinton 2016) at c = 1, RMSNorm (Zhang & Sennrich 2019, eq. 4) at c = 0. The papers say no e: it
is 1e-5, as of torch.nn.LayerNorm, unless another is asked for. Forms: ``reference``, torch's own operations, which are
one kernel each way for LayerNorm; ``compiled``, one loop each way for CPUs with numba, which takes a fifth of the time
of those that RMSNorm is made of.
"""

from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from statewise.ops.compiled.compiler import as_array, compiled_loops_serve
from statewise.ops.compiled.norm import EPSILON
from statewise.ops.forms import Forms
from statewise.ops.transforms import gradients, transforming

Norm = Literal["layer", "rms"]


def normalised(norm: Norm, x: Tensor, gain: Tensor, bias: Tensor | None = None, *, epsilon: float = EPSILON) -> Tensor:
    """s * N(x) + b over the last axis.

    Args:
        norm: ``layer`` for c = 1, ``rms`` for c = 0.
        x: ``(..., D)``.
        gain: s ``(D,)``.
        bias: b ``(D,)``; ``None`` for zeros.
        epsilon: e.

    >>> x, ones = torch.tensor([1.0, 7.0]), torch.ones(2)
    >>> normalised("layer", x, ones), normalised("rms", x, ones)
    (tensor([-1.0000,  1.0000]), tensor([0.2000, 1.4000]))
    """
    return FORMS(norm, x, gain, bias, epsilon)


def reference(norm: Norm, x: Tensor, gain: Tensor, bias: Tensor | None = None, epsilon: float = EPSILON) -> Tensor:
    """The equation, by torch's own operations."""
    if norm == "layer":
        return F.layer_norm(x, gain.shape, gain, bias, eps=epsilon)
    y = x * (x.square().mean(-1, keepdim=True) + epsilon).rsqrt() * gain
    return y if bias is None else y + bias


def compiled(norm: Norm, x: Tensor, gain: Tensor, bias: Tensor | None, epsilon: float) -> Tensor:
    """The same by one compiled loop each way, which knows one e."""
    y: Tensor = _Compiled.apply(norm, x, gain, torch.zeros_like(gain) if bias is None else bias)
    return y


def rule(norm: Norm, x: Tensor, gain: Tensor, bias: Tensor | None, epsilon: float) -> str:
    """Which form runs: the compiled one where torch has no kernel and it can."""
    if norm == "layer" or epsilon != EPSILON or x.dtype != gain.dtype:
        return "reference"
    tensors = (x, gain) if bias is None else (x, gain, bias)
    alike = x.dtype == tensors[-1].dtype
    return "compiled" if alike and compiled_loops_serve(*tensors) else "reference"


FORMS = Forms("normalisation", {"reference": reference, "compiled": compiled}, rule)


class _Compiled(torch.autograd.Function):
    """``compiled``, whose gradients have gradients by the equation."""

    @staticmethod
    def forward(ctx: Any, norm: Norm, x: Tensor, gain: Tensor, bias: Tensor) -> Tensor:
        from statewise.ops.compiled.rows import forward

        y = torch.empty(x.shape, dtype=x.dtype)
        flat = (t.view(-1, len(gain)) for t in (x.contiguous(), y))
        forward(*map(as_array, (gain, bias, centred(norm, gain), *flat)))
        ctx.norm = norm
        ctx.save_for_backward(x, gain, bias)
        return y

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> Any:
        from statewise.ops.compiled.rows import backward

        x, gain, bias = ctx.saved_tensors
        if torch.is_grad_enabled() or transforming():
            with torch.enable_grad():
                y = reference(ctx.norm, x, gain, bias)
            return None, *gradients(y, (x, gain, bias), dy)
        dx, dgain, dbias = torch.empty(x.shape, dtype=x.dtype), torch.zeros_like(gain), torch.zeros_like(bias)
        flat = (t.view(-1, len(gain)) for t in (x.contiguous(), dy.contiguous(), dx))
        backward(*map(as_array, (gain, centred(ctx.norm, gain), *flat, dgain, dbias)))
        return None, dx, dgain, dbias


def centred(norm: Norm, like: Tensor) -> Tensor:
    """c ``(1,)``."""
    return like.new_full((1,), norm == "layer")
