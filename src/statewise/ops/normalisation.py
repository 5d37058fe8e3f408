"""Layer and root mean square normalisation of many vectors.

    y = s * N(x) + b,    N(x) = (x - c mean(x)) / sqrt(mean((x - c mean(x))^2) + 1e-5)

LayerNorm (Ba, Kiros & Hinton 2016) at c = 1, RMSNorm (Zhang & Sennrich 2019, eq. 4) at c = 0. Forms: ``reference``,
torch's own operations, which are one kernel each way for LayerNorm; ``compiled``, one loop each way for CPUs with
numba, which takes a fifth of the time of those that RMSNorm is made of.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from statewise.ops.compiled.compiler import as_array, compiled_loops_serve
from statewise.ops.compiled.norm import EPSILON
from statewise.ops.forms import Forms
from statewise.ops.transforms import transforming


def normalised(x: Tensor, gain: Tensor, bias: Tensor, *, centred: bool) -> Tensor:
    """s * N(x) + b over the last axis.

    Args:
        x: ``(..., D)``.
        gain: s ``(D,)``.
        bias: b ``(D,)``.
        centred: c.

    >>> x, ones, zeros = torch.tensor([1.0, 7.0]), torch.ones(2), torch.zeros(2)
    >>> [normalised(x, ones, zeros, centred=centred) for centred in (True, False)]
    [tensor([-1.0000,  1.0000]), tensor([0.2000, 1.4000])]
    """
    return FORMS(x, gain, bias, centred)


def reference(x: Tensor, gain: Tensor, bias: Tensor, centred: bool) -> Tensor:
    """The equation, by torch's own operations."""
    if centred:
        return F.layer_norm(x, gain.shape, gain, bias, eps=float(EPSILON))
    return x * (x.square().mean(-1, keepdim=True) + float(EPSILON)).rsqrt() * gain + bias


def compiled(x: Tensor, gain: Tensor, bias: Tensor, centred: bool) -> Tensor:
    """The same by one compiled loop each way."""
    y: Tensor = _Compiled.apply(x, gain, bias, centred)
    return y


def rule(x: Tensor, gain: Tensor, bias: Tensor, centred: bool) -> str:
    """Which form runs: the compiled one where torch has no kernel and it can."""
    alike = x.dtype == gain.dtype == bias.dtype
    return "compiled" if not centred and alike and compiled_loops_serve(x, gain, bias) else "reference"


FORMS = Forms("normalisation", {"reference": reference, "compiled": compiled}, rule)


class _Compiled(torch.autograd.Function):
    """``compiled``, whose gradients have gradients by the equation."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, gain: Tensor, bias: Tensor, centred: bool) -> Tensor:
        from statewise.ops.compiled.rows import forward

        y = torch.empty(x.shape, dtype=x.dtype)
        flat = (t.view(-1, len(gain)) for t in (x.contiguous(), y))
        forward(*map(as_array, (gain, bias, gain.new_tensor([centred]), *flat)))
        ctx.centred = centred
        ctx.save_for_backward(x, gain, bias)
        return y

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> Any:
        from statewise.ops.compiled.rows import backward

        x, gain, bias = ctx.saved_tensors
        if torch.is_grad_enabled() or transforming():
            with torch.enable_grad():
                y = reference(x, gain, bias, ctx.centred)
            return *torch.autograd.grad(y, (x, gain, bias), dy, create_graph=True), None
        dx, dgain, dbias = torch.empty(x.shape, dtype=x.dtype), torch.zeros_like(gain), torch.zeros_like(bias)
        flat = (t.view(-1, len(gain)) for t in (x.contiguous(), dy.contiguous(), dx))
        backward(*map(as_array, (gain, gain.new_tensor([ctx.centred]), *flat, dgain, dbias)))
        return dx, dgain, dbias, None
