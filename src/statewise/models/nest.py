"""A kind of layer with the layers inside it: every question about a kind, answered for all of them at once."""

import inspect
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Any, get_args

from statewise.contract import Entry, Knob, LayerFactory, SequenceLayer
from statewise.errors import UserError, unknown
from statewise.options import fitting, option_types

SIZES = ("input_size", "hidden_size")
"""Constructor arguments that every layer has and no config holds: the model's width decides them"""
KNOBS = 2
"""How many tuning varies beside the learning rate"""


@dataclass(frozen=True)
class Nest:
    """A kind of layer with its options and the kinds inside it, which are all as wide as it is.

    What ``LayerKind`` and ``Entry`` answer for one class, this answers for the whole nest, and ``Pattern`` for all the
    nests of a model. An option of a layer inside has a dotted path, such as ``inner.window``.

    >>> from statewise.models.resolve import pattern_of
    >>> pattern_of("ntm", {"controller": "gru"}).nests[""].knobs
    (Knob(name='controller.keep_bias', low=-1.0, high=3.0, scale='linear'),)
    """

    name: str
    """In the catalog, or an import path"""
    entry: Entry
    options: Mapping[str, Any]
    """All of them as plain data, those of the layers inside too"""
    inside: Mapping[str, "Nest"]
    """Option that is a layer -> the nest it holds"""

    @property
    def kind(self) -> type[SequenceLayer]:
        """The class of the outermost layer."""
        return self.entry.sequence_layer

    @property
    def names(self) -> tuple[str, ...]:
        """Of all kinds in it, the outermost first."""
        return (self.name, *chain.from_iterable(nest.names for nest in self.inside.values()))

    @property
    def block(self) -> str:
        """The block that the field builds around the outermost layer for which there is one."""
        return self._in_block.block or "plain"

    @property
    def feed_forward(self) -> float:
        """The feed-forward part of that block, as a multiple of the width."""
        return self._in_block.feed_forward

    @property
    def closed_form(self) -> bool:
        """Whether the field solves the readout in closed form: not where a layer around or inside is to be trained."""
        return self.entry.closed_form and all(nest.closed_form for nest in self.inside.values())

    @property
    def knobs(self) -> tuple[Knob, ...]:
        """What tuning varies: the outermost layer's own knobs, then those inside, as many as are tuned at all."""
        found = list(self.entry.knobs)
        for option, nest in self.inside.items():
            types = nest.option_types
            found += [replace(k, name=f"{option}.{k.name}") if k.name in types else k for k in nest.knobs]
        return tuple(found[:KNOBS])

    @property
    def option_types(self) -> dict[str, Any]:
        """Options that a person may set -> the types of their values."""
        own = {name: kind for name, kind in option_types(self.kind).items() if name not in SIZES}
        own |= {name: _layer_type(own[name]) for name in inner_layers(self.kind)}
        inside = ((option, nest.option_types) for option, nest in self.inside.items())
        return own | {f"{option}.{name}": kind for option, types in inside for name, kind in types.items()}

    @property
    def layer_options(self) -> set[str]:
        """Options that say a layer inside."""
        inside = ((option, nest.layer_options) for option, nest in self.inside.items())
        return inner_layers(self.kind) | {f"{option}.{name}" for option, names in inside for name in names}

    @property
    def state_knob(self) -> str | None:
        """The option that says how much the state holds beside the width, of the outermost layer that has one."""
        inside = (f"{option}.{nest.state_knob}" for option, nest in self.inside.items() if nest.state_knob)
        return self.kind.state_knob or next(inside, None)

    @property
    def width_multiple(self) -> int:
        """What the width must be a multiple of."""
        inside = (nest.width_multiple for nest in self.inside.values())
        return math.lcm(self.kind.width_multiple(self.options), *inside)

    def depth_to_see(self, context: int) -> int:
        """How many layers, one on the other, it takes for every layer inside to see that many steps."""
        inside = (nest.depth_to_see(context) for nest in self.inside.values())
        return max(self.kind.depth_to_see(context, self.options), *inside, 1)

    def make(self, *, input_size: int, hidden_size: int, number: int = 0) -> SequenceLayer:
        """A layer with all that is inside it, for the block of that number.

        Raises:
            UserError: if an option is unknown or not of its type, or no layer can be made with it.
        """
        arguments = {**self.kind.options_of_block(number), **self.options}
        self._check_names(arguments)
        plain = {name: self._fitting(name, arguments[name]) for name in arguments.keys() - inner_layers(self.kind)}
        inside: dict[str, LayerFactory] = {
            option: partial(nest.make, number=number) for option, nest in self.inside.items()
        }
        sizes = {"input_size": input_size, "hidden_size": hidden_size}
        try:
            return self.kind(**{**arguments, **plain, **inside, **sizes})
        except (TypeError, ValueError) as error:
            raise UserError(f"cannot build {self.entry.name} of width {hidden_size}: {error}") from error

    def _fitting(self, name: str, value: Any) -> Any:
        """An option as the class asks for it; a list, which is how plain data says a tuple, is one again."""
        value = tuple(value) if isinstance(value, list) else value
        return fitting(f"{name} of {self.entry.name}", value, option_types(self.kind)[name])

    @property
    def _in_block(self) -> Entry:
        """The entry of the outermost layer that says which block the field builds around it."""
        entries = (nest._in_block for nest in self.inside.values())
        return next((e for e in (self.entry, *entries) if e.block), self.entry)

    def _check_names(self, arguments: Mapping[str, Any]) -> None:
        """Raises ``UserError`` if an argument is unknown or one that is needed is missing."""
        known = {n: p for n, p in inspect.signature(self.kind).parameters.items() if n not in SIZES}
        for name in arguments:
            if name not in known:
                raise unknown(f"option of {self.entry.name}", name, known)
        needed = (name for name, p in known.items() if p.default is p.empty and p.kind is not p.VAR_KEYWORD)
        for name in needed:
            if name not in arguments:
                inner = name in inner_layers(self.kind)
                what, value = (", the layer inside", "lstm") if inner else ("", "VALUE")
                raise UserError(
                    f"{self.entry.name} needs the option {name}{what}; say it, as with --set layer.{name}={value}"
                )


def inner_layers(kind: type[SequenceLayer]) -> set[str]:
    """The constructor arguments of a layer that are layers themselves."""
    return {name for name, hint in option_types(kind).items() if LayerFactory in (hint, *get_args(hint))}


def _layer_type(hint: Any) -> Any:
    """What plain data may say in the place of a layer: a name or a config, and null where there may be none."""
    return str | Mapping[str, Any] | None if type(None) in get_args(hint) else str | Mapping[str, Any]
