"""The linear recurrence h_t = a_t h_{t-1} + b_t, elementwise, real or complex.

Reference: Martin & Cundy 2018, "Parallelizing linear recurrent neural nets over sequence length", eq. 1.

On a CPU the recurrence is bound by memory, and the fastest form in plain PyTorch is a loop over time that writes each
step in place into one time-first buffer. Forms through logarithms or cumulative products lose digits and are slower.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def linear_recurrence(a: Tensor, b: Tensor, initial: Tensor) -> Tensor:
    """All states h_1 ... h_T of h_t = a_t h_{t-1} + b_t.

    Args:
        a: broadcastable to ``b``'s shape; constant in time as ``(1, 1, ...)``.
        b: ``(B, T, ...)``, real or complex.
        initial: h_0 ``(B, ...)``.

    Returns:
        ``(B, T, ...)``. Gradients flow to all three arguments (once: the derivative is not differentiable again).

    >>> linear_recurrence(torch.tensor(0.5), torch.ones(1, 3), torch.zeros(1))
    tensor([[1.0000, 1.5000, 1.7500]])
    """
    if b.shape[1] == 0:
        return b
    dtype = torch.promote_types(torch.promote_types(a.dtype, b.dtype), initial.dtype)
    return _LinearRecurrence.apply(a.to(dtype).expand_as(b), b.to(dtype), initial.to(dtype))


def reference(a: Tensor, b: Tensor, initial: Tensor) -> Tensor:
    """The equation, step by step: what the fast form must equal."""
    h, states = initial, []
    for a_t, b_t in zip(a.expand_as(b).unbind(1), b.unbind(1), strict=True):
        h = a_t * h + b_t
        states.append(h)
    return torch.stack(states, dim=1)


class _LinearRecurrence(torch.autograd.Function):
    """Forward: the recurrence. Backward: the same recurrence from the end, g_t = dh_t + conj(a_{t+1}) g_{t+1}."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, initial: Tensor) -> Tensor:
        states = _scan(a.unbind(1), b.unbind(1), initial)
        ctx.save_for_backward(a, states, initial)
        return states.transpose(0, 1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        a, states, initial = ctx.saved_tensors
        coefficients = [a_t.conj() for a_t in a.unbind(1)]
        backward_a = [torch.zeros_like(coefficients[0]), *coefficients[:0:-1]]
        g = _scan(backward_a, grad.unbind(1)[::-1], torch.zeros_like(initial)).flip(0)
        before = torch.cat([initial.unsqueeze(0), states[:-1]])
        grad_a = (g * before.conj()).transpose(0, 1)
        return grad_a, g.transpose(0, 1), g[0] * coefficients[0]


def _scan(a: Any, b: Any, initial: Tensor) -> Tensor:
    """States time first, each step one fused multiply-add written in place."""
    states = initial.new_empty((len(b), *initial.shape))
    h = initial
    for a_t, b_t, out in zip(a, b, states.unbind(0), strict=True):
        h = torch.addcmul(b_t, a_t, h, out=out)
    return states
