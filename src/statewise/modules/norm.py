"""Root mean square normalisation with its weight; layer normalisation is torch.nn.LayerNorm."""

import torch
from torch import Tensor, nn

from statewise.ops.normalisation import EPSILON, normalised


class RMSNorm(nn.RMSNorm):
    """``weight * x / sqrt(mean(x^2) + eps)`` over the last axis, worked out in at least float32.

    As ``torch.nn.RMSNorm`` in all but speed and ``eps``: see ``statewise.ops.normalisation``.

    >>> norm = RMSNorm(2)
    >>> norm(torch.tensor([1.0, 7.0])).detach(), norm(torch.zeros(3, 2, dtype=torch.bfloat16)).dtype
    (tensor([0.2000, 1.4000]), torch.bfloat16)
    """

    eps: float

    def __init__(self, width: int, eps: float = EPSILON) -> None:
        super().__init__(width, eps=eps)

    def forward(self, x: Tensor) -> Tensor:
        dtype = torch.promote_types(x.dtype, torch.float32)
        return normalised("rms", x.to(dtype), self.weight.to(dtype), epsilon=self.eps).to(x.dtype)
