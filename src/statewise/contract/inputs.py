"""What goes into a layer: vectors or tokens, with or without time stamps. Letters: B batch, T time."""

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from statewise import tree


@dataclass(frozen=True)
class Vectors:
    """Input form of real vectors: ``x (B, T, size)``, ``x_t (B, size)``."""

    size: int


@dataclass(frozen=True)
class Tokens:
    """Input form of token numbers: ``x (B, T)`` int64 in ``[0, vocabulary)``, ``x_t (B,)``."""

    vocabulary: int


InputForm = Vectors | Tokens


class Timed(NamedTuple):
    """A sequence sampled at irregular times: ``values`` as usual, ``elapsed (B, T)`` since the step before.

    One step of it: ``values`` as usual, ``elapsed (B,)``.
    """

    values: Tensor
    elapsed: Tensor


Input = Tensor | Timed


def values_of(x: Input) -> Tensor:
    """The values of an input, with or without time stamps."""
    return x.values if isinstance(x, Timed) else x


def with_values(x: Input, values: Tensor) -> Input:
    """Other ``values``, with the time stamps of ``x`` where there are any: what a wrapper hands to the layer inside."""
    return Timed(values, x.elapsed) if isinstance(x, Timed) else values


def unbind_time(x: Input) -> list[Input]:
    """The single time steps of a sequence, each as ``step`` takes it."""
    if isinstance(x, Timed):
        return [Timed(v, e) for v, e in zip(x.values.unbind(1), x.elapsed.unbind(1), strict=True)]
    return list(x.unbind(1))


def slice_time(x: Input, start: int, end: int) -> Input:
    """The steps from ``start`` up to, without, ``end``."""
    return tree.map(lambda t: t[:, start:end], x)


def take_step(x: Input, time: int) -> Input:
    """The single step number ``time`` of a sequence, as ``step`` takes it."""
    return tree.map(lambda t: t[:, time], x)
