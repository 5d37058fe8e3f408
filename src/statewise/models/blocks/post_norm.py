"""Post-norm residual: y = norm(x + f(x)), for the layer, then for the feed-forward part (Vaswani et al. 2017)."""

from collections.abc import Sequence

from statewise.combine.residual import Norm, PostNorm, Residual
from statewise.contract import SequenceLayer
from statewise.models.blocks.block import Block


def around(parts: Sequence[SequenceLayer], norm: Norm) -> list[SequenceLayer]:
    """Each part in a residual of its own with the norm after it."""
    return [PostNorm(Residual(part), norm=norm) for part in parts]


POST_NORM = Block(around, "norm(x + f(x))", "Vaswani et al. 2017, section 3.1")
