"""The linear system whose state is the recent past of its input, as Legendre polynomials, and its discrete form."""

import torch
from torch import Tensor


def legendre_delay(order: int) -> tuple[Tensor, Tensor]:
    """A and B of ``window * m' = A m + B u`` (Voelker, Kajic & Eliasmith 2019, eq. 1 and 2), in float64.

    With i, j from 0 to ``order - 1``: A_ij = (2i + 1) (-1 if i < j else (-1)^(i-j+1)), B_i = (2i + 1) (-1)^i.
    Then u(t - s) is about sum_i P_i(2 s / window - 1) m_i(t) for s in [0, window], P_i the Legendre polynomials.

    Returns:
        ``(order, order)`` and ``(order,)``.

    >>> legendre_delay(2)
    (tensor([[-1., -1.],
            [ 3., -3.]], dtype=torch.float64), tensor([ 1., -3.], dtype=torch.float64))
    """
    i = torch.arange(order, dtype=torch.float64)
    sign = 1 - 2 * (i % 2)
    below = -sign.unsqueeze(1) * sign
    a = torch.where(i.unsqueeze(1) < i, -torch.ones_like(below), below)
    return (2 * i + 1).unsqueeze(1) * a, (2 * i + 1) * sign


def zero_order_hold(a: Tensor, b: Tensor, dt: float) -> tuple[Tensor, Tensor]:
    """``m' = A m + B u`` from step to step, where u keeps its value for a time ``dt``.

    The exact solution, m_t = exp(dt A) m_{t-1} + A^-1 (exp(dt A) - I) B u_t, both read from one exponential of A with B
    beside it, so that A need have no inverse.

    Args:
        a: A ``(S, S)``.
        b: B ``(S,)``.
        dt: how long a step takes.

    >>> zero_order_hold(torch.zeros(1, 1), torch.ones(1), 0.5)
    (tensor([[1.]]), tensor([0.5000]))
    """
    beside = torch.cat([torch.cat([a, b.unsqueeze(1)], dim=1), torch.zeros_like(a[:1, :1]).expand(1, len(b) + 1)])
    held = torch.linalg.matrix_exp(dt * beside)
    return held[:-1, :-1].contiguous(), held[:-1, -1].contiguous()
