"""Layers one after the other."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

from torch import Tensor

from statewise.combine.several import Several, SeveralStepper
from statewise.contract import Input, Segments, SequenceLayer, Stepper, values_of, with_values
from statewise.tree import State


class Stack(Several):
    """``y = layers[-1](... layers[0](x))``; the state is the tuple of the layers' states.

    >>> import torch
    >>> from statewise.layers.recurrent.lstm import LSTM
    >>> stack = Stack([LSTM(input_size=3, hidden_size=4), LSTM(input_size=4, hidden_size=5)])
    >>> y, (first, second) = stack(torch.randn(2, 7, 3))
    >>> y.shape, second.h.shape
    (torch.Size([2, 7, 5]), torch.Size([2, 5]))

    Raises:
        ValueError: if there are no layers or the width of one does not fit the next.
    """

    def __init__(self, layers: Sequence[SequenceLayer]) -> None:
        if not layers:
            raise ValueError("a stack needs at least one layer")
        super().__init__(layers, input_form=layers[0].input_form, output_size=layers[-1].output_size)
        for place, (below, above) in enumerate(pairwise(layers)):
            expected = getattr(above.input_form, "size", None)
            if expected != below.output_size:
                raise ValueError(
                    f"layer {place} puts out width {below.output_size}, but layer {place + 1} reads {above.input_form}"
                )

    def step(self, x: Input, state: State) -> tuple[Tensor, State]:
        return _one_after_the_other([layer.step for layer in self.members()], x, state)

    def _segments(self, x: Input, state: State, segments: Segments | None) -> tuple[Tensor, State]:
        return _one_after_the_other([partial(layer, reset=segments) for layer in self.members()], x, state)

    def stepper(self, state: State) -> Stepper:
        return _StackStepper(self.members_at_work(state))


class _StackStepper(SeveralStepper):
    """The layers' steppers, one after the other."""

    def __call__(self, x: Input) -> Tensor:
        y = values_of(x)
        for stepper in self._steppers:
            y = stepper(with_values(x, y))
        return y


def _one_after_the_other(
    gears: Sequence[Callable[[Input, State], tuple[Tensor, State]]], x: Input, state: State
) -> tuple[Tensor, State]:
    """What comes out of the last layer, and the states of all, each run in the gear given."""
    after = []
    y = values_of(x)
    for gear, inner in zip(gears, state, strict=True):
        y, inner = gear(with_values(x, y), inner)
        after.append(inner)
    return y, tuple(after)
