"""Highway: y = t * f(x) + (1 - t) * x, t = sigmoid(W x + b), for the layer, then for the feed-forward part."""

from collections.abc import Sequence

from statewise.combine.highway import Highway
from statewise.combine.residual import Norm
from statewise.contract import SequenceLayer
from statewise.models.blocks.block import Block


def around(parts: Sequence[SequenceLayer], norm: Norm) -> list[SequenceLayer]:
    """Each part in a highway of its own; as in the paper there is no norm."""
    return [Highway(part) for part in parts]


HIGHWAY = Block(around, "t * f(x) + (1 - t) * x, t = sigmoid(W x + b)", "Srivastava et al. 2015, eq. 3")
