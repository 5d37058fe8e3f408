"""Penalties on large weights, as part of what descent makes small.

    L' = L + l1 sum |w| + l2 / 2 sum w^2

over the parameters that weight decay applies to (no biases, norms, or what a layer calls ``undecayed``), once an
update, with L the task's mean loss of a position. l2 alone is ridge regression's (Hoerl & Kennard 1970), l1 alone the
lasso's (Tibshirani 1996), both the elastic net (Zou & Hastie 2005, eq. 3).

This is not ``weight_decay``. A penalty's gradient, l1 sign(w) + l2 w, goes through clipping, momentum and AdamW's
division by the gradient's size like any other, whereas decay shrinks the weights beside all that, by learning rate
times decay (Loshchilov & Hutter 2019, section 2). Under plain SGD without clipping the two are one. As l1 is descended
by a subgradient, weights swing about 0 by a step's size and are not 0 exactly.
"""

from collections.abc import Iterable

from torch import nn


def add_penalty_gradient(parameters: Iterable[nn.Parameter], *, l1: float, l2: float) -> None:
    """Add the gradient of the penalty, l1 sign(w) + l2 w with sign(0) = 0, to that of the loss; frozen ones have none.

    >>> import torch
    >>> weight = nn.Parameter(torch.tensor([[2.0, 0.0, -3.0]]))
    >>> add_penalty_gradient([weight], l1=1.0, l2=0.5)
    >>> weight.grad
    tensor([[ 2.0000,  0.0000, -2.5000]])
    """
    if not (l1 or l2):
        return
    for parameter in parameters:
        if parameter.requires_grad:
            weight = parameter.detach()
            slope = l1 * weight.sgn() + l2 * weight
            parameter.grad = slope if parameter.grad is None else parameter.grad + slope
