"""Normalisation inside a recurrence, in one precision and with one name a kind."""

from typing import Literal

import torch.nn.functional as F
from torch import Tensor

from statewise.ops.compiled.norm import EPSILON

Norm = Literal["layer", "rms"]


def normalise(kind: Norm, x: Tensor, gain: Tensor) -> Tensor:
    """Over the last axis, then times ``gain``: LayerNorm (Ba et al. 2016) or RMSNorm (Zhang & Sennrich 2019, eq. 4)."""
    if kind == "layer":
        return F.layer_norm(x, gain.shape, gain, eps=float(EPSILON))
    return x * (x.square().mean(-1, keepdim=True) + float(EPSILON)).rsqrt() * gain
