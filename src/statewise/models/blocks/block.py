"""What a block is."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from statewise.combine.residual import Norm
from statewise.contract import SequenceLayer

Around = Callable[[Sequence[SequenceLayer], Norm], list[SequenceLayer]]
"""(parts, norm) -> the layers of a block, one after the other. The first part is the layer of the model; a second one,
where there is any, its feed-forward part, as wide at both ends as the layer's output. The layer reads what the block
before puts out, however wide, and puts out the model's width."""


class Block(NamedTuple):
    """A way to make a block of a layer."""

    around: Around
    equation: str
    """Of one part f with its input x"""
    paper: str
    norm_at_end: bool = False
    """Whether a norm closes the stack of blocks: where none of them puts out something normed"""
