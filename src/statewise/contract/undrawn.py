"""A state that is made to be looked at: what it looks like, and no noise drawn for it."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch

from statewise.ambient import Ambient

_undrawn = Ambient[bool]("undrawn")


@contextmanager
def undrawn() -> Iterator[None]:
    """Where an initial state is an example: torch's generator is left as it was, and asked for no seeds.

    Maps of ``torch.func`` let nothing be drawn inside, unless they are told what to make of it.
    """
    told = nullcontext() if torch.compiler.is_compiling() else _undrawn.set(True)
    with torch.random.fork_rng(devices=[]), torch.no_grad(), told:
        yield


def is_undrawn() -> bool:
    """Whether a state is made only to be looked at.

    >>> with undrawn():
    ...     is_undrawn()
    True
    >>> is_undrawn()
    False
    """
    return _undrawn.get() is not None
