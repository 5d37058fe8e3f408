"""The largest Lyapunov exponent: how fast two states that are close grow apart, in nats a step."""

import torch
from torch import Tensor


def largest_exponent(jacobians: Tensor, clocks: Tensor | None = None) -> Tensor:
    """An estimate ``(B,)`` from the blocks of the Jacobians, ``(B, P, n / k, k, k)``, of P >= 1 steps in a row.

    The mean logarithm of how much their product's Frobenius norm grows from step to step over the later half: the
    earlier half turns the product towards what grows fastest. From few steps it is rough: see ``resolution``.

    Args:
        jacobians: of steps one after another.
        clocks: which numbers ``(n,)`` bool are clocks, ds'_i / ds = 1 in i and 0 elsewhere. Whatever hears of them, the
            Jacobian is triangular: the exponents are 0, theirs, and those without them.

    >>> largest_exponent(torch.full((1, 8, 3, 1, 1), 0.5))
    tensor([-0.6931])
    """
    batch, steps, blocks, size, _ = jacobians.shape
    if clocks is not None and bool(clocks.any()):
        keep = (~clocks).to(jacobians.dtype).view(blocks, size)
        others = largest_exponent(jacobians * keep.unsqueeze(-1) * keep.unsqueeze(-2))
        return others.clamp_min(0)
    product = torch.eye(size).to(jacobians).expand(batch, blocks, size, size) / (blocks * size) ** 0.5
    growth = []
    for jacobian in jacobians.unbind(1):
        product = jacobian @ product
        norm = product.flatten(1).norm(dim=1).clamp_min(torch.finfo(product.dtype).tiny)
        product = product / norm.view(-1, 1, 1, 1)
        growth.append(norm.log())
    return torch.stack(growth[steps // 2 :]).mean(dim=0)


def resolution(steps: int) -> float:
    """What an estimate from so many steps cannot tell from 0: growth by a factor of e in all over its later half.

    A product of matrices may grow by some factor at first and never again, so the mean logarithm over L steps is off by
    the order of 1 / L.
    """
    return 1 / (steps - steps // 2)
