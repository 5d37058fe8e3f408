"""What a kind of layer says of itself before one is made: which sizes fit, how much it takes to see a context."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from statewise.contract.residual import Residual

if TYPE_CHECKING:
    from statewise.contract.sequence import SequenceLayer


class LayerFactory(Protocol):
    """Makes a layer of given sizes: a layer's class, or ``functools.partial`` of one with other options.

    A constructor argument annotated with it is an inner layer; a config names it as it names any layer.
    """

    def __call__(self, *, input_size: int, hidden_size: int) -> "SequenceLayer": ...


class LayerKind:
    """Questions that whoever builds models asks of a class of layers. Override those that have another answer.

    ``options`` are constructor arguments beside the sizes, complete: none is left to its default.
    """

    residuals: tuple[Residual, ...] = ()
    """Side outputs that say how far from its solution a solver inside was left, where a layer has one"""
    recurrent_weights: Mapping[str, int] = MappingProxyType({})
    """Parameters of its own that multiply what it carries -> how many matrices, one a gate, are stacked in each"""
    state_knob: ClassVar[str | None] = None
    """The option that says how much the state holds beside the width: a window, slots, S"""

    @classmethod
    def width_multiple(cls, options: Mapping[str, Any]) -> int:
        """``hidden_size`` must be a multiple of this, for example so that heads divide it."""
        return 1

    @classmethod
    def options_to_see(cls, context: int) -> dict[str, Any]:
        """The options with which the layer sees that many steps, its own included, where it has a window."""
        return {}

    @classmethod
    def depth_to_see(cls, context: int, options: Mapping[str, Any]) -> int:
        """How many layers, one on the other, it takes to see that many steps."""
        return 1

    @classmethod
    def options_of_block(cls, number: int) -> dict[str, Any]:
        """The options that change from layer to layer of a deep model, for the one of that number, from 0 on."""
        return {}
