"""A layer at work on a state of its own, one time step after the other: what a stream calls."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from statewise import tree
from statewise.contract.inputs import Input, values_of
from statewise.contract.weights import Known, weights_held
from statewise.tree import State

if TYPE_CHECKING:
    from statewise.contract.sequence import SequenceLayer


Map = Callable[[Tensor], Tensor]
"""Of one time step, on the last axis"""
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


class PointwiseStepper(Stepper):
    """A map of each time step on its own, for layers that carry nothing."""

    def __init__(self, function: Map) -> None:
        self._function = function

    def __call__(self, x: Input) -> Tensor:
        return self._function(values_of(x))

    @property
    def state(self) -> State:
        return ()


def at_work(function: Map, otherwise: Map | None = None) -> Map:
    """A map of one time step as a stream calls it, without gradients.

    Modules that know a faster way say so with a method ``at_work``. Like a stepper, what that returns may hold the
    weights as they are, and overwrite at the next call what was put out.

    Args:
        function: the map.
        otherwise: what equals it, for what the faster way does not serve; ``None`` = the map itself.
    """
    make = getattr(function, "at_work", None)
    plain = function if otherwise is None else otherwise
    faster: Map = plain if make is None else make(plain)
    return faster
