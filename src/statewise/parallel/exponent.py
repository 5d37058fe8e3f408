"""The largest Lyapunov exponent: how fast two states that are close grow apart, in nats a step."""

import torch
from torch import Tensor

from statewise.parallel.block_recurrence import times


def largest_exponent(jacobians: Tensor) -> Tensor:
    """An estimate ``(B,)`` from the Jacobians ``(B, P, n, n)``, or diagonals ``(B, P, n)``, of P >= 1 steps in a row.

    The mean logarithm of how much their product's Frobenius norm grows from step to step over the later half: the
    earlier half turns the product towards what grows fastest. From few steps it is rough.

    >>> largest_exponent(torch.full((1, 8, 3), 0.5))
    tensor([-0.6931])
    """
    batch, _, width, *full = jacobians.shape
    eye = torch.eye(width) if full else torch.ones(width)
    product = eye.to(jacobians).expand(batch, *eye.shape) / width**0.5
    growth = []
    for jacobian in jacobians.unbind(1):
        product = jacobian @ product if full else times(jacobian, product)
        size = product.flatten(1).norm(dim=1).clamp_min(torch.finfo(product.dtype).tiny)
        product = product / size.view(-1, *[1] * (product.dim() - 1))
        growth.append(size.log())
    return torch.stack(growth[len(growth) // 2 :]).mean(dim=0)
