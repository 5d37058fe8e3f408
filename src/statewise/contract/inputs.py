"""What goes into a layer: vectors or tokens, with or without time stamps. Letters: B batch, T time."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from torch import Tensor

from statewise import tree

if TYPE_CHECKING:
    from statewise.contract.sequence import SequenceLayer


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
    """A sequence sampled at irregular times: ``values`` as usual, ``elapsed (B, T)`` since the step before."""

    values: Tensor
    elapsed: Tensor


Input = Tensor | Timed


def values_of(x: Input) -> Tensor:
    """The values of an input, with or without time stamps."""
    return x.values if isinstance(x, Timed) else x


def with_time_of(x: Input, values: Tensor, reader: "SequenceLayer") -> Input:
    """``values`` for an inner layer, with the time stamps of ``x`` where there are any and ``reader`` reads them."""
    return Timed(values, x.elapsed) if isinstance(x, Timed) and reader.reads_time else values


def unbind_time(x: Input) -> list[Any]:
    """The single time steps of a sequence, each as ``step`` takes it."""
    if isinstance(x, Timed):
        return [Timed(v, e) for v, e in zip(x.values.unbind(1), x.elapsed.unbind(1), strict=True)]
    return list(x.unbind(1))


def slice_time(x: Input, start: int, end: int) -> Input:
    """The steps from ``start`` up to, without, ``end``."""
    return tree.map(lambda t: t[:, start:end], x)
