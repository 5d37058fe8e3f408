"""A layer at work on a state of its own, one time step after the other: what a stream calls."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from statewise import tree
from statewise.contract.inputs import Input, values_of, with_values
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

    def __deepcopy__(self, memo: dict[int, Any]) -> "Stepper":
        raise TypeError("a stream goes through memory of its own; make another: layer.stepper(stream.state)")


class PlainStepper(Stepper):
    """Calls ``step``, with what is made of the weights alone worked out once: for layers that know nothing faster."""

    def __init__(self, layer: "SequenceLayer", state: State) -> None:
        self._layer = layer
        self._state = tree.detach(state)
        self._known: Known = {}

    @without_gradients
    def __call__(self, x: Input) -> Tensor:
        x = with_values(x, values_of(x).clone())  # a state may hold it, and whose it is may overwrite it
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


def in_stream(function: Map, otherwise: Map | None = None) -> Map:
    """A map of one time step as a stream calls it.

    Modules that know a faster way say so with a method ``in_stream``, which takes ``otherwise`` and returns a map. Like
    a stepper, that may hold the weights as they are, and overwrite at the next call what was put out. It is asked of
    modules alone whose ``forward`` is that of the class which says so, and that nobody hooks into.

    Args:
        function: the map.
        otherwise: what equals it, for what the faster way does not serve; ``None`` = the map itself.
    """
    plain = function if otherwise is None else otherwise
    if not (isinstance(function, nn.Module) and as_written(function, "in_stream", "forward")) or altered(function):
        return plain
    with torch.no_grad():
        faster: Map = function.in_stream(plain)  # type: ignore[operator]
    return faster


def as_written(thing: object, faster: str, *methods: str) -> bool:
    """Whether the class that says how something goes faster is the one, too, that these methods are of.

    >>> class Doubled:
    ...     def forward(self, x): return 2 * x
    ...     def in_stream(self, otherwise): return lambda x: x + x
    >>> class Tripled(Doubled):
    ...     def forward(self, x): return 3 * x
    >>> [as_written(kind(), "in_stream", "forward") for kind in (Doubled, Tripled)]
    [True, False]
    """
    kind = type(thing)
    owner = next((above for above in kind.__mro__ if faster in vars(above)), None)
    return owner is not None and all(getattr(kind, name) is getattr(owner, name) for name in methods)


def altered(module: nn.Module) -> bool:
    """Whether somebody hooks into a forward inside it, or has put a module there that is neither torch's nor ours.

    What such a module computes is not to be told from weights alone; of parametrised weights it is.

    >>> module = nn.Sequential(nn.Linear(2, 2))
    >>> before, handle = altered(module), module[0].register_forward_pre_hook(print)
    >>> before, altered(module)
    (False, True)
    """
    parts = [part for name, part in module.named_modules() if "parametrizations" not in name.split(".")]
    return any(part._forward_hooks or part._forward_pre_hooks for part in parts) or any(
        getattr(type(part).forward, "__module__", "").partition(".")[0] not in ("torch", "statewise")
        for part in parts[1:]
    )
