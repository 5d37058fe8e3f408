"""Streams of recurrences with matrices between their steps: what all families share."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from statewise import tree
from statewise.contract import Input, PlainStepper, SequenceLayer, Stepper, Timed
from statewise.layers.in_place_stepper import InPlaceStepper, loops_serve
from statewise.ops.streams.stepping import Stepping
from statewise.tree import State


class TimedInPlaceStepper(InPlaceStepper):
    """Steps in place of a layer that reads time.

    Args:
        layer: whose ``step`` it equals.
        stepping: what steps.
        state: one of the layer's, for its structure.
        elapsed: where ``stepping`` looks for the time that has passed, ``(B,)``.
    """

    def __init__(self, layer: SequenceLayer, stepping: Stepping, state: State, elapsed: Tensor) -> None:
        super().__init__(stepping, state)
        self._layer = layer
        self._elapsed = elapsed

    def __call__(self, x: Input) -> Tensor:
        if isinstance(x, Timed):
            self._layer.as_read(x, axes=1)  # refuses other time stamps than one a row
            elapsed = x.elapsed
            if elapsed.shape == self._elapsed.shape:  # other rows are refused with the values
                self._elapsed.copy_(elapsed.detach() if elapsed.requires_grad else elapsed)
        else:
            self._elapsed.fill_(1)
        return super().__call__(x)


def recurrence_stepper(layer: SequenceLayer, state: Any, at_work: Callable[[Any], Stepping]) -> Stepper:
    """A stream from ``state`` on by a compiled loop, where it serves this layer and its state, else by ``step``.

    Args:
        layer: whose ``step`` it equals.
        state: where it starts; its first leaf is the output of the step before.
        at_work: makes the recurrence of a state; called where weights and output are plain numbers of one real dtype.
    """
    if not loops_serve(layer, tree.leaves(state)):
        return PlainStepper(layer, state)
    with torch.inference_mode(False), torch.no_grad():
        stepping = at_work(state)
    if stepping.elapsed is None:
        return InPlaceStepper(stepping, state)
    return TimedInPlaceStepper(layer, stepping, state, stepping.elapsed)
