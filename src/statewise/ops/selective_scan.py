"""The selective state-space recurrence of Mamba: diagonal, with a time step, input and output maps made from the input.

    h_t = exp(dt_t A) * h_{t-1} + dt_t u_t B_t,    y_t = h_t C_t

Gu & Dao (2023), "Mamba: Linear-Time Sequence Modeling with Selective State Spaces", arXiv 2312.00752, eq. 2a and
algorithm 2; A is sampled exactly, B by the first order, as in the authors' code.

A scan over T steps needs three tensors ``(B, T, E, S)`` and its derivative more, S times the size of everything else in
the layer. So the sequence is cut into pieces whose tensors have at most ``PIECE`` numbers; where there are several, the
backward pass makes each piece's tensors again from its inputs instead of keeping them. Then only one piece and the
states between pieces are in memory at a time, and on a CPU that is three times as fast as keeping everything.
"""

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from statewise.ops.linear_recurrence import linear_recurrence

PIECE = 2**20
"""Numbers in the largest tensor of a piece: 4 MiB in float32, which also stays in a CPU's cache."""


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
        ``y (B, T, E)`` and the state after the last step, ``(B, E, S)``.

    >>> ones = torch.ones(1, 3, 1)
    >>> y, h = selective_scan(ones, ones, torch.full((1, 1), 0.5).log(), ones, ones, torch.zeros(1, 1, 1))
    >>> y.flatten(), h.flatten()
    (tensor([1.0000, 1.5000, 1.7500]), tensor([1.7500]))
    """
    steps = max(1, PIECE // max(1, initial.numel()))
    if u.shape[1] <= steps:
        return _piece(u, dt, a, b, c, initial)
    outputs, h = [], initial
    for u_p, dt_p, b_p, c_p in zip(*(x.split(steps, dim=1) for x in (u, dt, b, c)), strict=True):
        y, h = checkpoint(_piece, u_p, dt_p, a, b_p, c_p, h, use_reentrant=False, preserve_rng_state=False)
        outputs.append(y)
    return torch.cat(outputs, dim=1), h


def _piece(u: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor, initial: Tensor) -> tuple[Tensor, Tensor]:
    keep = (dt.unsqueeze(-1) * a).exp()
    add = (dt * u).unsqueeze(-1) * b.unsqueeze(-2)
    h = linear_recurrence(keep, add, initial)
    return (h * c.unsqueeze(-2)).sum(-1), h[:, -1].clone()
