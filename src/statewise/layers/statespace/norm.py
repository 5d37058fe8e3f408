"""The norm of what is read from a state."""

import torch.nn.functional as F
from torch import Tensor, nn

from statewise.layers.statespace.precision import upcast


class RMSNorm(nn.RMSNorm):
    """``weight * x / sqrt(mean(x^2) + eps)`` over the last axis, in at least float32 under autocast too.

    Zhang & Sennrich (2019), "Root Mean Square Layer Normalization", arXiv 1910.07467, eq. 4.
    """

    def __init__(self, width: int) -> None:
        super().__init__(width, eps=1e-5)

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(upcast(x), self.normalized_shape, upcast(self.weight), self.eps)
