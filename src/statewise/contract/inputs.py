"""What goes into a layer: vectors or tokens, with or without time stamps. Letters: B batch, T time."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from statewise import tree
from statewise.contract.placed import Placed


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


class Reader(Placed):
    """A module that says what it reads: what layers and encoders have in common."""

    input_form: InputForm
    output_size: int
    reads_time: bool = False
    """Whether it reads ``Timed.elapsed``; one that does not is handed the values alone."""

    def __init__(self, input_form: InputForm, output_size: int) -> None:
        super().__init__()
        self.input_form = input_form
        self.output_size = output_size

    def as_read(self, x: Input, axes: int) -> Input:
        """``x`` as this module reads it: its values alone, or with time stamps, which are 1 where ``x`` has none.

        Args:
            x: a sequence or a single step.
            axes: those before the width: 2 of a sequence, 1 of a step.

        Raises:
            ValueError: if the time stamps are not one a row and step.
        """
        values = values_of(x)
        if not self.reads_time:
            return values
        shape = values.shape[:axes]
        if not isinstance(x, Timed):
            like = values if values.is_floating_point() else self.zeros(0)
            return Timed(values, like.new_ones(shape))
        if x.elapsed.shape != shape:
            raise ValueError(
                f"elapsed must be {tuple(shape)}, one number a row and step as the values are, "
                f"got shape {tuple(x.elapsed.shape)}"
            )
        return x


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


def example_input(reader: Reader, batch: int, time: int, *, seed: int = 0) -> Input:
    """A random input for any layer or encoder, in its dtype and on its device.

    Tokens uniform, vectors normal; where time is read, time stamps between 0.1 and 1.1.

    >>> from statewise.layers.recurrent.lstm import LSTM
    >>> values_of(example_input(LSTM(input_size=3, hidden_size=4), batch=2, time=7)).shape
    torch.Size([2, 7, 3])
    """
    generator = torch.Generator().manual_seed(seed)
    form, place = reader.input_form, reader.zeros(0)
    if isinstance(form, Tokens):
        values = torch.randint(form.vocabulary, (batch, time), generator=generator).to(place.device)
    else:
        values = torch.randn(batch, time, form.size, generator=generator, dtype=torch.float64).to(place)
    if not reader.reads_time:
        return values
    return Timed(values, (0.1 + torch.rand(batch, time, generator=generator, dtype=torch.float64)).to(place))
