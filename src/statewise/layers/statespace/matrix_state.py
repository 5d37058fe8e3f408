"""One step of a matrix for a state: what is written to it and read from it, a head at a time.

Letters: N heads, K width of a key, V width of a value.
"""

from torch import Tensor

from statewise.autocast import unrounded


def write(state: Tensor, keep: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """``keep * state + key value^T``: ``(B, N, K, V)`` from ``keep (B, N, 1 or K)``, key and value.

    >>> import torch
    >>> write(torch.ones(1, 1, 2, 1), torch.tensor([[[0.5, 1.0]]]), torch.tensor([[[2.0, 0.0]]]), torch.ones(1, 1, 1))
    tensor([[[[2.5000],
              [1.0000]]]])
    """
    return keep.unsqueeze(-1) * state + key.unsqueeze(-1) * value.unsqueeze(-2)


def read(state: Tensor, query: Tensor) -> Tensor:
    """``state^T query``: ``(B, N, V)`` from ``(B, N, K, V)`` and ``(B, N, K)``, as precise as they are."""
    with unrounded(state):
        return (query.unsqueeze(-2) @ state).squeeze(-2)
