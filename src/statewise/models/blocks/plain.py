"""Nothing around: y = f(x)."""

from collections.abc import Sequence

from statewise.combine.residual import Norm
from statewise.contract import SequenceLayer
from statewise.models.blocks.block import Block


def around(parts: Sequence[SequenceLayer], norm: Norm) -> list[SequenceLayer]:
    """The parts one after the other."""
    return list(parts)


PLAIN = Block(around, "f(x)", "-")
