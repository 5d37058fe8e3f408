"""A layer at work on a state of its own, one time step after the other: what a stream calls."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from statewise import tree
from statewise.contract.inputs import Input
from statewise.contract.weights import Known, weights_held
from statewise.tree import State

if TYPE_CHECKING:
    from statewise.contract.sequence import SequenceLayer


_Call = Callable[[Any, Input], Tensor]


def without_gradients(call: _Call) -> _Call:
    """A stepper's call, for which no graph is made; inside another's it costs nothing, as ``torch.no_grad`` would."""

    @wraps(call)
    def quiet(self: Any, x: Input) -> Tensor:
        if not torch.is_grad_enabled():
            return call(self, x)
        with torch.no_grad():
            return call(self, x)

    return quiet


class Stepper(ABC):
    """``y_t = stepper(x_t)`` in place of ``y_t, state = layer.step(x_t, state)``, without gradients.

    It owns its state and may overwrite it, and what it returned, at the next call. It may hold the weights as they were
    when it was made.
    """

    @abstractmethod
    def __call__(self, x: Input) -> Tensor:
        """One time step, ``x (B, d_in) -> y (B, d_out)``; y is only good until the next call."""

    @property
    @abstractmethod
    def state(self) -> State:
        """Where it stands: a copy, as ``layer.step`` takes it."""


class PlainStepper(Stepper):
    """Calls ``step``, with what is made of the weights alone worked out once: for layers that know nothing faster."""

    def __init__(self, layer: "SequenceLayer", state: State) -> None:
        self._layer = layer
        self._state = tree.detach(state)
        self._known: Known = {}

    @without_gradients
    def __call__(self, x: Input) -> Tensor:
        with weights_held(self._known):
            y, self._state = self._layer.step(x, self._state)
        return y

    @property
    def state(self) -> State:
        return tree.map(torch.clone, self._state)
