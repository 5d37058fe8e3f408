"""What a layer that solves an equation at every step says of how well it was solved."""

from typing import NamedTuple


class Residual(NamedTuple):
    """A side output that says how far from its solution a solver was left; training and evaluation look at it."""

    name: str
    """Of the side output, ``(B,)`` a step, 0 or more: ``probe.record(self, name, ...)``"""
    tolerance: float
    """Up to which the step counts as solved"""
    mend: str
    """What to do where it does not, as a person reads it"""
