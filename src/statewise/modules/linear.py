"""torch.nn.Linear by the fastest product there is."""

import torch.nn.functional as F
from torch import Tensor, nn

from statewise.contract.stepper import Map
from statewise.ops.linear import is_small, linear
from statewise.ops.map_in_place import map_in_place


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

    def in_stream(self, otherwise: Map) -> Map:
        """``statewise.contract.in_stream``."""
        weights = (self.weight,) if self.bias is None else (self.weight, self.bias)
        return map_in_place(otherwise, weights, self.in_features, lambda stream, *held: stream.affine(stream.x, *held))
