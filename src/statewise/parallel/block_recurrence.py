"""The linear recurrence h_t = A_t h_{t-1} + b_t with matrices A_t of blocks, in a time of order log T.

Two steps are one step with A = A_2 A_1 and b = A_2 b_1 + b_2; every second state follows from a recurrence half as
long, the others from those (Blelloch 1990, "Prefix sums and their applications"): T n k^2 multiplications for blocks of
k numbers where a loop needs T n k, in log2 T operations one after another where a loop needs T. Blocks of one number go
to ``ops.linear_recurrence``, and so do pairs that multiply as complex numbers do.
"""

import torch
from torch import Tensor

from statewise.ops.linear_recurrence import linear_recurrence


def block_recurrence(a: Tensor, b: Tensor, initial: Tensor) -> Tensor:
    """All states h_1 ... h_T of h_t = A_t h_{t-1} + b_t.

    Args:
        a: the blocks on the diagonal of A_t, ``(B, T, n / k, k, k)``; a full one is one block.
        b: ``(B, T, n)``, T >= 1.
        initial: h_0 ``(B, n)``.

    >>> block_recurrence(torch.full((1, 3, 1, 1, 1), 0.5), torch.ones(1, 3, 1), torch.zeros(1, 1)).flatten()
    tensor([1.0000, 1.5000, 1.7500])
    """
    size = a.shape[-1]
    if size == 1:
        return linear_recurrence(a[..., 0, 0], b, initial)
    b, initial = (v.contiguous().unflatten(-1, (-1, size)) for v in (b, initial))
    if size == 2 and not a.requires_grad and _multiply_as_complex(a):
        numbers = torch.complex(a[..., 0, 0], a[..., 1, 0])
        h = linear_recurrence(numbers, torch.view_as_complex(b), torch.view_as_complex(initial))
        return torch.view_as_real(h).flatten(2)
    first = b[:, :1] + _times(a[:, :1], initial.unsqueeze(1))
    return _from_zero(a, torch.cat([first, b[:, 1:]], dim=1)).flatten(2)


def times(a: Tensor, v: Tensor) -> Tensor:
    """A v for blocks ``(..., n / k, k, k)`` and vectors ``(..., n)``."""
    if a.shape[-1] == 1:
        return a[..., 0, 0] * v
    return _times(a, v.unflatten(-1, (-1, a.shape[-1]))).flatten(-2)


def _times(a: Tensor, v: Tensor) -> Tensor:
    return (a @ v.unsqueeze(-1)).squeeze(-1)


def _multiply_as_complex(a: Tensor) -> bool:
    return bool(((a[..., 0, 0] == a[..., 1, 1]) & (a[..., 0, 1] == -a[..., 1, 0])).all())


def _from_zero(a: Tensor, b: Tensor) -> Tensor:
    """The states after h_0 = 0, ``(B, T, n / k, k)``."""
    if b.shape[1] == 1:
        return b
    pairs = b.shape[1] // 2
    later_a, earlier_b = a[:, 1::2], b[:, 0::2][:, :pairs]
    later = _from_zero(later_a @ a[:, 0::2][:, :pairs], _times(later_a, earlier_b) + b[:, 1::2])
    rest = b[:, 2::2]
    between = _times(a[:, 2::2], later[:, : rest.shape[1]]) + rest
    earlier = torch.cat([b[:, :1], between], dim=1)
    woven = torch.stack([earlier[:, :pairs], later], dim=2).flatten(1, 2)
    return torch.cat([woven, earlier[:, pairs:]], dim=1)
