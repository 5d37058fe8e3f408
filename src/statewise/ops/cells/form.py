"""How a cell of an elementwise recurrence is made."""

from typing import NamedTuple


class Form(NamedTuple):
    """What is known of a cell before it runs."""

    inputs: int
    """G, in x"""
    reads: bool
    """Whether its output is read from the state by a gate; otherwise it is the state"""
    linear: bool
    """Whether it is linear in its state: it then says ``coefficients``, and ``output`` where that is read"""
    weights: int = 0
    """P, in w"""
    skips: bool = False
    """Whether it has a way past, s"""
