"""Layer and root mean square normalisation with their weights."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from statewise.contract.stepper import Map
from statewise.ops.map_in_place import map_in_place
from statewise.ops.normalisation import EPSILON, Norm, normalised


class LayerNorm(nn.LayerNorm):
    """``weight * (x - mean(x)) / sqrt(var(x) + eps) + bias`` over the last axis: torch.nn's, which knows streams."""

    def __init__(self, width: int) -> None:
        super().__init__(width, eps=EPSILON)

    def in_stream(self, otherwise: Map) -> Map:
        """``statewise.contract.in_stream``."""
        return _in_stream("layer", self, (self.weight, self.bias), otherwise)


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

    def in_stream(self, otherwise: Map) -> Map:
        """``statewise.contract.in_stream``."""
        return _in_stream("rms", self, (self.weight,), otherwise)


def _in_stream(norm: Norm, module: LayerNorm | RMSNorm, weights: Sequence[Tensor], otherwise: Map) -> Map:
    if module.eps != EPSILON:  # the only one that loops know
        return otherwise
    width = len(weights[0])
    return map_in_place(otherwise, weights, width, lambda stream, *held: stream.normalised(norm, stream.x, *held))
