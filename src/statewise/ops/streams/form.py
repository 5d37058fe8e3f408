"""What is to be known of a kind of feed or hold beside what it does."""

from typing import NamedTuple


class Form(NamedTuple):
    """Of the tensors that it is made of."""

    axes: tuple[str, ...] = ()
    """Of each, in the letters of ``statewise.ops.shapes``: those of the recurrence, and A numbers of W x + b"""
    carried: tuple[str, ...] = ()
    """The names of those that are part of a layer's state, in its order; they are overwritten"""
