"""The selective state-space recurrence of Mamba: diagonal, with a time step, input and output maps made from the input.

    h_t = exp(dt_t A) * h_{t-1} + dt_t u_t B_t,    y_t = h_t C_t

Gu & Dao (2023), "Mamba: Linear-Time Sequence Modeling with Selective State Spaces", arXiv 2312.00752, eq. 2a and
algorithm 2; A is sampled exactly, B by the first order, as in the authors' code.

A scan over T steps needs three tensors ``(B, T, E, S)`` and its derivative more, S times the size of everything else in
the layer. So time is cut into pieces whose tensors have about ``PIECE`` numbers, and the backward pass makes each
piece's tensors again from its inputs. In memory at a time are one piece, and the one state before each piece.
"""

from typing import Any

import torch
from torch import Tensor

from statewise.ops.first_derivative import refuse_second_derivative
from statewise.ops.linear_recurrence import linear_recurrence

PIECE = 2**20
"""Numbers in the largest tensor of a piece: 4 MiB in float32."""

SHORTEST = 4
"""Steps that a piece has at least, however large the batch: at most 1/4 of all states are kept."""


def selective_scan(u: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor, initial: Tensor) -> tuple[Tensor, Tensor]:
    """All outputs of the recurrence, going on from a state.

    Args:
        u: ``(B, T, E)``, T >= 1.
        dt: ``(B, T, E)``, positive.
        a: ``(E, S)``, negative.
        b: ``(B, T, S)``.
        c: ``(B, T, S)``.
        initial: ``(B, E, S)``, the state before the first step.

    Returns:
        ``y (B, T, E)`` and the state after the last step, ``(B, E, S)``, all in the dtype of the arguments. Gradients
        flow to all six arguments; a second derivative is refused.

    >>> ones = torch.ones(1, 3, 1)
    >>> y, h = selective_scan(ones, ones, torch.full((1, 1), 0.5).log(), ones, ones, torch.zeros(1, 1, 1))
    >>> y.flatten(), h.flatten()
    (tensor([1.0000, 1.5000, 1.7500]), tensor([1.7500]))
    """
    return _SelectiveScan.apply(u, dt, a, b, c, initial)


class _SelectiveScan(torch.autograd.Function):
    """Piece by piece, into buffers made beforehand; the backward pass goes through the pieces from the last."""

    @staticmethod
    def forward(
        ctx: Any, u: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor, initial: Tensor
    ) -> tuple[Tensor, Tensor]:
        ctx.steps = max(SHORTEST, PIECE // max(1, initial.numel()))
        y = torch.empty_like(u)
        before = initial.new_empty(-(-u.shape[1] // ctx.steps), *initial.shape)
        h = initial
        for kept, y_p, u_p, dt_p, b_p, c_p in _pieces(before, ctx.steps, y, u, dt, b, c):
            kept.copy_(h)
            y_of_piece, h = _piece(u_p, dt_p, a, b_p, c_p, kept)
            y_p.copy_(y_of_piece)
        ctx.save_for_backward(u, dt, a, b, c, before)
        return y, h

    @staticmethod
    def backward(ctx: Any, grad_y: Tensor, grad_h: Tensor) -> tuple[Tensor, ...]:
        refuse_second_derivative("selective_scan")
        u, dt, a, b, c, before = ctx.saved_tensors
        grads = [torch.empty_like(x) for x in (u, dt, b, c)]
        grad_a = torch.zeros_like(a)
        pieces = _pieces(before, ctx.steps, grad_y, u, dt, b, c, *grads)
        for kept, grad_y_p, u_p, dt_p, b_p, c_p, *grads_p in reversed(pieces):
            found = _piece_backward((u_p, dt_p, a, b_p, c_p, kept), (grad_y_p, grad_h))
            for whole, part in zip(grads_p, (found[0], found[1], found[3], found[4]), strict=True):
                whole.copy_(part)
            grad_a += found[2]
            grad_h = found[5]
        return grads[0], grads[1], grad_a, grads[2], grads[3], grad_h


def _pieces(before: Tensor, steps: int, *sequences: Tensor) -> list[tuple[Tensor, ...]]:
    """The state before each piece, and views of that piece of each sequence."""
    return list(zip(before.unbind(0), *(x.split(steps, dim=1) for x in sequences), strict=True))


def _piece(u: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor, initial: Tensor) -> tuple[Tensor, Tensor]:
    keep = (dt.unsqueeze(-1) * a).exp()
    add = (dt * u).unsqueeze(-1) * b.unsqueeze(-2)
    h = linear_recurrence(keep, add, initial)
    return (h * c.unsqueeze(-2)).sum(-1), h[:, -1].clone()


def _piece_backward(arguments: tuple[Tensor, ...], cotangents: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Gradients of one piece to its six arguments."""
    with torch.enable_grad():
        leaves = [x.detach().requires_grad_() for x in arguments]
        results = _piece(*leaves)
    return torch.autograd.grad(results, leaves, cotangents)
