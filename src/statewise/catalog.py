"""Everything statewise can build: one literal table. A new layer is its file and one entry here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from statewise.contract import EncoderLayer, SequenceLayer


@dataclass(frozen=True)
class Knob:
    """A constructor argument of a layer (or a field of its training) that tuning may vary."""

    name: str
    low: float
    high: float
    scale: Literal["linear", "log", "integer"] = "linear"


@dataclass(frozen=True)
class Entry:
    """One layer: where it stands, what it is after, how small it can be, what tuning may vary."""

    name: str
    family: str
    layer: type[SequenceLayer] | type[EncoderLayer]
    paper: str
    example: Mapping[str, Any]
    """Constructor arguments of a small one, on which the laws are tried"""
    width: str = "hidden_size"
    """Which constructor argument is the layer's width"""
    context: str | None = None
    """Which constructor argument says how far back the layer can look, where it has such a window"""
    block: Literal["plain", "residual"] = "plain"
    """The block that the field builds around this layer"""
    feed_forward: float = 0.0
    """The feed-forward part of that block, as a multiple of the width"""
    knobs: tuple[Knob, ...] = ()
    """At most two, tuned beside the learning rate"""
    exemptions: Mapping[str, str] = field(default_factory=dict)
    """Name of a law that does not hold -> the reason"""
