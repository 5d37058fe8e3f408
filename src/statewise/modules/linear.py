"""torch.nn.Linear by the fastest product there is."""

import torch.nn.functional as F
from torch import Tensor, nn

from statewise.contract.stepper import Map
from statewise.modules.at_work import MapAtWork
from statewise.ops.linear import is_small, linear


class Linear(nn.Linear):
    """y = W x + b of every vector, as ``torch.nn.Linear`` in all but speed: see ``statewise.ops.linear``.

    For maps of all steps of a sequence at once, whose product is large.

    >>> import torch
    >>> map = Linear(3, 4)
    >>> map(torch.ones(2, 5, 3)).shape, [name for name, _ in map.named_parameters()]
    (torch.Size([2, 5, 4]), ['weight', 'bias'])
    """

    def forward(self, input: Tensor) -> Tensor:
        weight = self.weight
        return F.linear(input, weight, self.bias) if is_small(input, weight) else linear(input, weight, self.bias)

    def at_work(self, otherwise: Map) -> Map:
        weights = (self.weight,) if self.bias is None else (self.weight, self.bias)
        return MapAtWork(otherwise, weights, self.in_features, lambda stream: stream.affine(stream.x, *weights))
