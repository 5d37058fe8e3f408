"""Dense: y = [x ; h + feed_forward(norm(h))], h = layer(norm(x)): every block reads the outputs of all before it."""

from collections.abc import Sequence

from statewise.combine.dense import Dense
from statewise.combine.residual import Norm, PreNorm, Residual
from statewise.combine.stack import Stack
from statewise.contract import SequenceLayer
from statewise.models.blocks.block import Block


def around(parts: Sequence[SequenceLayer], norm: Norm) -> list[SequenceLayer]:
    """One dense connection around both, the feed-forward part as a residual of what the layer puts out."""
    layer, *feed_forward = (PreNorm(part, norm=norm) for part in parts)
    return [Dense(Stack([layer, *map(Residual, feed_forward)]))]


DENSE = Block(around, "[x ; f(norm(x))]", "Huang et al. 2017, eq. 2", norm_at_end=True)
