"""What a layer makes of its weights alone: worked out once for a sequence or a stream, not at every step.

    a rotation from its generator, filters that a small network speaks, a system sampled in time

A layer marks the method that makes it and ``step`` calls it as any other. A call by itself works it out anew, so that
nothing is remembered between calls; the loop over ``step`` and a layer's ``stepper`` hold the weights while they run.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeAlias, TypeVar

import torch
from torch.nn.utils import parametrize

from statewise.ambient import Ambient

Layer = TypeVar("Layer")
Made = TypeVar("Made")

Known: TypeAlias = dict[tuple[Any, str], Any]
"""A layer and the name of its method -> what it made"""

_known = Ambient[Known]("made_of_weights")


def from_weights(method: Callable[[Layer], Made]) -> Callable[[Layer], Made]:
    """Mark a method whose result follows from the layer's weights alone; where they are held it runs once.

    >>> class Squared:
    ...     @from_weights
    ...     def weight(self):
    ...         print("worked out")
    ...         return 4
    >>> layer = Squared()
    >>> with weights_held():
    ...     layer.weight() + layer.weight()
    worked out
    8
    """

    @wraps(method)
    def made(layer: Layer) -> Made:
        known = _known.get()
        if known is None:
            return method(layer)
        key = (layer, method.__qualname__)
        if key not in known:
            known[key] = method(layer)
        result: Made = known[key]
        return result

    return made


@contextmanager
def weights_held(known: Known | None = None) -> Iterator[Known]:
    """Promise that no weight changes inside the ``with`` block.

    A parametrised weight (``torch.nn.utils.parametrize``) is worked out once in it, too. ``torch.compile`` traces as if
    nothing were held.

    Args:
        known: what was worked out in blocks before, to go on with; ``None`` = that of the block around, or nothing.
    """
    if torch.compiler.is_dynamo_compiling():
        yield {}
        return
    around = _known.get()
    if known is None and around is not None:
        yield around
        return
    with _known.set({} if known is None else known) as held, parametrize.cached():
        yield held
