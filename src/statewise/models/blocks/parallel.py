"""Parallel: y = x + layer(norm(x)) + feed_forward(norm(x)), with one norm (Chowdhery et al. 2022, section 2)."""

from collections.abc import Sequence

from statewise.combine.residual import Norm, PreNorm, Residual
from statewise.combine.sum import Sum
from statewise.contract import SequenceLayer
from statewise.models.blocks.block import Block


def around(parts: Sequence[SequenceLayer], norm: Norm) -> list[SequenceLayer]:
    """Layer and feed-forward part side by side, in one residual."""
    return [Residual(PreNorm(Sum(parts), norm=norm))]


PARALLEL = Block(
    around,
    "x + layer(norm(x)) + feed_forward(norm(x))",
    "Wang & Komatsuzaki 2021; Chowdhery et al. 2022, section 2",
    norm_at_end=True,
)
