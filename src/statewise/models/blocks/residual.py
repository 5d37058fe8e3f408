"""Pre-norm residual: y = x + f(norm(x)), for the layer, then for the feed-forward part (Xiong et al. 2020)."""

from collections.abc import Sequence

from statewise.combine.residual import Norm, PreNorm, Residual
from statewise.contract import SequenceLayer
from statewise.models.blocks.block import Block


def around(parts: Sequence[SequenceLayer], norm: Norm) -> list[SequenceLayer]:
    """Each part in a residual of its own, so that from input to head a path without any map stays open."""
    return [Residual(PreNorm(part, norm=norm)) for part in parts]


RESIDUAL = Block(around, "x + f(norm(x))", "He et al. 2016; Xiong et al. 2020", norm_at_end=True)
