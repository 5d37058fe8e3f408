"""Whether the tensors that an operation is handed fit together.

Fast forms go through memory by sizes that they read off one argument; where another is smaller, they would read or
write beyond its end.
"""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple, NoReturn

from torch import Tensor

from statewise.contract.segments import Segments


class Shapes:
    """The axes of an operation's arguments, by letters; a letter is one size wherever it stands.

    An axis is a letter, a number, or made of a letter that stands alone in an argument before it: ``3H``, ``K+1``. With
    a question mark, ``T?``, it may be 1 as well.

    Args:
        operation: its name.
        axes: argument -> its axes; B and T are also those of segments.

    >>> import torch
    >>> shapes = Shapes("matmul", {"a": "N K", "b": "K M"})
    >>> shapes.check(torch.ones(2, 3), torch.ones(3, 4))
    >>> shapes.check(torch.ones(2, 3), torch.ones(4, 4))
    Traceback (most recent call last):
    ValueError: matmul takes a (N, K), b (K, M); got a (2, 3), b (4, 4): an axis of b is 4 and not 3
    """

    def __init__(self, operation: str, axes: Mapping[str, str]) -> None:
        self.operation = operation
        self._words = {name: words.split() for name, words in axes.items()}
        self._axes = [(name, tuple(map(_axis, words))) for name, words in self._words.items()]

    def check(
        self, *tensors: Tensor | None, segments: Segments | None = None, known: Mapping[str, int] | None = None
    ) -> None:
        """Hold the arguments, in the order of ``axes``, to their axes.

        Args:
            tensors: the arguments; ``None`` is one that was left out.
            segments: of these rows and steps, where there are any.
            known: the sizes of those letters that are known beforehand.

        Raises:
            ValueError: if one does not fit; it says what came, and what did not fit.
        """
        sizes = {} if known is None else dict(known)
        for (name, axes), tensor in zip(self._axes, tensors, strict=True):
            if tensor is None:
                continue
            shape = tensor.shape
            if len(shape) != len(axes):
                self._refuse(tensors, f"{name} has {len(shape)} axes")
            for axis, size in zip(axes, shape, strict=True):
                expected = sizes.setdefault(axis, size) if isinstance(axis, str) else axis.size(sizes)
                if size != expected and not (size == 1 and isinstance(axis, Axis) and axis.or_one):
                    self._refuse(tensors, f"an axis of {name} is {size} and not {expected}")
        if segments is not None and (segments.batch, segments.time) != (sizes["B"], sizes["T"]):
            self._refuse(tensors, f"segments are of {segments.batch} rows and {segments.time} steps")

    def _refuse(self, tensors: Sequence[Tensor | None], why: str) -> NoReturn:
        taken = ", ".join(f"{name} ({', '.join(words)})" for name, words in self._words.items())
        given = zip(self._words, tensors, strict=True)
        came = ", ".join(f"{name} {tuple(tensor.shape)}" for name, tensor in given if tensor is not None)
        raise ValueError(f"{self.operation} takes {taken}; got {came}: {why}")


class Axis(NamedTuple):
    """One that is no letter alone: so many times a letter's size, and more."""

    times: int
    letter: str
    more: int
    or_one: bool

    def size(self, sizes: dict[str, int]) -> int:
        return self.times * sizes[self.letter] + self.more if self.letter else self.more


def _axis(word: str) -> str | Axis:
    """``H``, or ``3H``, ``K+1``, ``T?``, ``2``."""
    parts = re.fullmatch(r"(?:(\d*)([A-Za-z])(?:\+(\d+))?|(\d+))(\??)", word)
    if parts is None:
        raise ValueError(f"{word!r} is no axis; say a letter, a number, 3H, K+1 or T?")
    times, letter, more, number, or_one = parts.groups()
    if word == letter:
        return word
    return Axis(int(times or 1), letter or "", int(more or number or 0), bool(or_one))
