"""The linear recurrence h_t = A_t h_{t-1} + b_t with matrices A_t, or their diagonals, in a time of order log T.

Two steps are one step with A = A_2 A_1 and b = A_2 b_1 + b_2; every second state follows from a recurrence half as
long, the others from those (Blelloch 1990, "Prefix sums and their applications"): T n^3 multiplications where a loop
needs T n^2, in log2 T operations one after another where a loop needs T. Diagonals go to ``ops.linear_recurrence``.
"""

import torch
from torch import Tensor

from statewise.ops.linear_recurrence import linear_recurrence


def block_recurrence(a: Tensor, b: Tensor, initial: Tensor) -> Tensor:
    """All states h_1 ... h_T of h_t = A_t h_{t-1} + b_t.

    Args:
        a: ``(B, T, n, n)``, or of diagonal matrices ``(B, T, n)``.
        b: ``(B, T, n)``, T >= 1.
        initial: h_0 ``(B, n)``.

    >>> block_recurrence(torch.full((1, 3, 1, 1), 0.5), torch.ones(1, 3, 1), torch.zeros(1, 1)).flatten()
    tensor([1.0000, 1.5000, 1.7500])
    """
    if a.dim() == 3:
        return linear_recurrence(a, b, initial)
    first = b[:, :1] + times(a[:, :1], initial.unsqueeze(1))
    return _from_zero(a, torch.cat([first, b[:, 1:]], dim=1))


def times(a: Tensor, v: Tensor) -> Tensor:
    """A v for matrices ``(..., n, n)``, or diagonals ``(..., n)``, and vectors ``(..., n)``."""
    return a * v if a.dim() == v.dim() else (a @ v.unsqueeze(-1)).squeeze(-1)


def _from_zero(a: Tensor, b: Tensor) -> Tensor:
    """The states after h_0 = 0."""
    if b.shape[1] == 1:
        return b
    pairs = b.shape[1] // 2
    later_a, earlier_b = a[:, 1::2], b[:, 0::2][:, :pairs]
    later = _from_zero(later_a @ a[:, 0::2][:, :pairs], times(later_a, earlier_b) + b[:, 1::2])
    rest = b[:, 2::2]
    between = times(a[:, 2::2], later[:, : rest.shape[1]]) + rest
    earlier = torch.cat([b[:, :1], between], dim=1)
    woven = torch.stack([earlier[:, :pairs], later], dim=2).flatten(1, 2)
    return torch.cat([woven, earlier[:, pairs:]], dim=1)
