"""What a layer makes of its weights alone: worked out once for a sequence or a stream, not at every step.

    a rotation from its generator, filters that a small network speaks, a system sampled in time

A layer marks the method that makes it and ``step`` calls it as any other. A call by itself works it out anew, so that
nothing is remembered between calls; ``forward``, whatever form runs, and a layer's ``stepper`` hold the weights.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import wraps
from typing import Any, TypeAlias, TypeVar

import torch
from torch import nn
from torch.nn.utils.parametrize import ParametrizationList

from statewise.ambient import Ambient

Layer = TypeVar("Layer")
Made = TypeVar("Made")

Known: TypeAlias = dict[tuple[Any, str, bool], Any]
"""A layer, the name of its method and whether gradients were asked for -> what it made"""

NOT_HELD = nullcontext()
"""In the place of ``weights_held`` where it would change nothing: around layers that have no modules inside, and so no
parametrised weight, and around single steps for which nothing is drawn; short calls are a tenth faster"""

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
        key = (layer, method.__qualname__, torch.is_grad_enabled())
        if key not in known:
            known[key] = method(layer)
        result: Made = known[key]
        return result

    return made


def weights_held(known: Known | None = None) -> AbstractContextManager[Known]:
    """Promise that no weight changes inside the ``with`` block.

    A parametrised weight (``torch.nn.utils.parametrize``) is worked out once in it, too. What is known in the block is
    known in its thread alone, and no gradient passes through what was worked out where none was asked for.
    ``torch.compile`` traces as if nothing were held.

    Args:
        known: what was worked out in blocks before, to go on with; ``None`` = that of the block around, or nothing.
    """
    return _Held(known)


class _Held:
    """A class and no generator: every call of a layer enters one, most of them inside of another's."""

    __slots__ = ("_entered", "_known")

    def __init__(self, known: Known | None) -> None:
        self._known = known
        self._entered: AbstractContextManager[Known] | None = None

    def __enter__(self) -> Known:
        if torch.compiler.is_dynamo_compiling():
            return {}
        around = _known.get()
        if self._known is None and around is not None:
            return around
        self._entered = _known.set({} if self._known is None else self._known)
        return self._entered.__enter__()

    def __exit__(self, *error: Any) -> None:
        if self._entered is not None:
            self._entered.__exit__(None, None, None)


# Not by parametrize.cached: torch's cache is one for all threads, and takes the copies of a module for the module.
setattr(ParametrizationList, "forward", from_weights(ParametrizationList.forward))  # noqa: B010


def parametrised_weights(module: nn.Module) -> Known:
    """All parametrised weights of a module, worked out now: for blocks that are to have the same ones.

    >>> from torch.nn.utils.parametrizations import weight_norm
    >>> layer = weight_norm(nn.Linear(2, 2))
    >>> known = parametrised_weights(layer)
    >>> with weights_held(known):
    ...     first = layer.weight
    >>> with weights_held(known):
    ...     print(layer.weight is first)
    True
    """
    with weights_held({}) as known:
        for part in module.modules():
            if isinstance(part, ParametrizationList):
                part()
    return known
