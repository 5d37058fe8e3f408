"""The kinds of layers that the blocks of a model take in turn: every question about them, answered for all at once."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import chain, zip_longest
from typing import Any

from statewise.contract import Knob, Peer, SequenceLayer
from statewise.errors import UserError
from statewise.models.nest import KNOBS, Nest


@dataclass(frozen=True)
class Pattern:
    """The one object that whoever builds, sizes or tunes models asks. A model of one kind of layer is a pattern of one.

    Each kind keeps its own options. Where there are several, the path of an option begins with the kind's name; the
    blocks that one kind stands in share its options.

    >>> from statewise.models.resolve import pattern_of
    >>> hybrid = pattern_of("lstm+lstm+attention")
    >>> hybrid.block, hybrid.state_knob, hybrid.knobs
    ('residual', 'attention.context_length', (Knob(name='lstm.forget_bias', low=0.0, high=4.0, scale='linear'),))
    """

    name: str
    """Names in the catalog or import paths, joined by +"""
    cycle: tuple[str, ...]
    """The places that blocks 0, 1, 2, ... take, from the first again after the last"""
    nests: Mapping[str, Nest]
    """Place -> the kind of layer there; "" where it is the only one"""

    @property
    def names(self) -> tuple[str, ...]:
        """Of all kinds in it, those inside others too."""
        return tuple(chain.from_iterable(nest.names for nest in self.nests.values()))

    @property
    def family(self) -> str:
        """Of its kinds, each family once."""
        return " + ".join(dict.fromkeys(nest.entry.family for nest in self.nests.values()))

    @property
    def paper(self) -> str:
        """Of its kinds, each paper once."""
        return "; ".join(dict.fromkeys(nest.entry.paper for nest in self.nests.values()))

    @property
    def peer(self) -> Peer:
        """Of its first kind."""
        return self.nests[self.cycle[0]].entry.peer

    @property
    def options(self) -> dict[str, Any]:
        """All of them as plain data, as a config holds them."""
        if "" in self.nests:
            return dict(self.nests[""].options)
        return {place: dict(nest.options) for place, nest in self.nests.items()}

    @property
    def block(self) -> str:
        """The block of the first kind around which the field builds one, else a plain one."""
        return next((nest.block for nest in self.nests.values() if nest.block != "plain"), "plain")

    @property
    def feed_forward(self) -> float:
        """The largest feed-forward part that the field puts into that block, as a multiple of the width."""
        return max(nest.feed_forward for nest in self.nests.values() if nest.block == self.block)

    @property
    def closed_form(self) -> bool:
        """Whether the field solves the readout in closed form: not where any layer is to be trained."""
        return all(nest.closed_form for nest in self.nests.values())

    @property
    def knobs(self) -> tuple[Knob, ...]:
        """What tuning varies: the first knob of every kind, then their second ones, as many as are tuned at all."""
        each = ([_renamed(knob, place, nest) for knob in nest.knobs] for place, nest in self.nests.items())
        turns = chain.from_iterable(zip_longest(*each))
        return tuple({knob.name: knob for knob in turns if knob}.values())[:KNOBS]

    @property
    def option_types(self) -> dict[str, Any]:
        """Options that a person may set -> the types of their values."""
        found = ((place, nest.option_types) for place, nest in self.nests.items())
        return {_path(place, name): kind for place, types in found for name, kind in types.items()}

    @property
    def layer_options(self) -> set[str]:
        """Options that say a layer inside."""
        return {_path(place, name) for place, nest in self.nests.items() for name in nest.layer_options}

    @property
    def state_knob(self) -> str | None:
        """The option that says how much the state holds beside the width, of the first kind that has one."""
        found = (_path(place, nest.state_knob) for place, nest in self.nests.items() if nest.state_knob)
        return next(found, None)

    @property
    def width_multiple(self) -> int:
        """What the width must be a multiple of."""
        return math.lcm(*(nest.width_multiple for nest in self.nests.values()))

    def depth_to_see(self, context: int) -> int:
        """How many blocks it takes for every kind to stand in one, and for one kind of layer to see that many steps."""
        needed = (self._depth(place, nest.depth_to_see(context)) for place, nest in self.nests.items())
        return max(len(self.cycle), min(needed))

    def check_depth(self, depth: int) -> None:
        """Raise a ``UserError`` where a model of that many blocks would leave a kind of layer out."""
        if depth < len(self.cycle):
            raise UserError(f"{self.name} needs a depth of at least {len(self.cycle)}, a block for each, got {depth}")

    def make(self, *, input_size: int, hidden_size: int, number: int = 0) -> SequenceLayer:
        """The layer for the block of that number, with all that is inside it.

        What changes from layer to layer of a deep model, such as a dilation, is counted by kind: a TCN with other
        layers between its own is one TCN.

        Raises:
            UserError: if an option is unknown or not of its type, or no layer can be made with it.
        """
        rounds, rest = divmod(number, len(self.cycle))
        place = self.cycle[rest]
        earlier = rounds * self.cycle.count(place) + self.cycle[:rest].count(place)
        return self.nests[place].make(input_size=input_size, hidden_size=hidden_size, number=earlier)

    def _depth(self, place: str, times: int) -> int:
        """The number of blocks among which a kind stands that many times."""
        stands = [number for number, taken in enumerate(self.cycle) if taken == place]
        rounds, rest = divmod(times - 1, len(stands))
        return rounds * len(self.cycle) + stands[rest] + 1


def _path(place: str, option: str) -> str:
    return f"{place}.{option}" if place else option


def _renamed(knob: Knob, place: str, nest: Nest) -> Knob:
    """A knob by the path of its option; one that is none of the layer's is the training's and keeps its name."""
    return replace(knob, name=_path(place, knob.name)) if knob.name in nest.option_types else knob
