"""How many vectors a kind of gates works with."""

from typing import NamedTuple

from torch import Tensor


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
    beside: int = 0
    """Vectors of x beyond those of u"""
    own: tuple[str, ...] = ()
    """The axes of each of the gates' own weights, in the letters of ``dense_recurrence``"""
    begins: tuple[float, ...] = ()
    """What each vector of the memory begins with after a reset; zeros where nothing is said"""

    def begin(self, like: Tensor) -> Tensor:
        """``begins``, ``(M,)``."""
        return like.new_tensor(self.begins) if self.begins else like.new_zeros(self.memory)
