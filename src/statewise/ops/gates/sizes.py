"""How many vectors a kind of gates works with."""

from typing import NamedTuple


class Sizes(NamedTuple):
    """How many vectors as wide as h there are."""

    products: int
    """R, in u"""
    memory: int
    """M, beside h"""
    saved: int
    """Kept from a step for the way back"""
    sums: bool
    """Whether gates take x + u alone, so that both have as many vectors and one gradient"""
