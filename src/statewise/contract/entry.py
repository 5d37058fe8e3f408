"""What is known of a kind of layer beside its class: where it stands, what it is after, what tuning may vary."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from statewise.contract.decoder import Decoder
from statewise.contract.encoder import EncoderLayer
from statewise.contract.sequence import SequenceLayer
from statewise.contract.structure import StructureLayer
from statewise.errors import UserError

Peer = Literal["RNN", "LSTM", "GRU"]
Reads = Literal["a sequence", "a sequence and a source", "a whole sequence", "trees or graphs"]

SMALL = {"input_size": 3, "hidden_size": 4}
"""The sizes at which laws are tried: of two widths, so that no mix-up hides"""


@dataclass(frozen=True)
class Knob:
    """A number that tuning may vary: an option of a layer, a field of its model or training, and its range."""

    name: str
    low: float
    high: float
    scale: Literal["linear", "log", "integer"] = "linear"

    def at(self, u: float) -> float | int:
        """Where ``u`` in [0, 1) lies in the range, to three significant digits.

        >>> Knob("learning_rate", 1e-4, 1e-2, "log").at(0.5)
        0.001
        """
        if self.scale == "log":
            value = math.exp(math.log(self.low) + u * (math.log(self.high) - math.log(self.low)))
        else:
            value = self.low + u * (self.high - self.low)
        return round(value) if self.scale == "integer" else float(f"{value:.3g}")


@dataclass(frozen=True)
class Entry:
    """One kind of layer. Which contract it keeps, and so what can be done with it, its class says.

    >>> from statewise.catalog import CATALOG
    >>> CATALOG["gru"].reads, CATALOG["gated-graph"].reads
    ('a sequence', 'trees or graphs')
    """

    name: str
    family: str
    layer: type[SequenceLayer] | type[EncoderLayer] | type[StructureLayer]
    paper: str
    example: Mapping[str, Any] = field(default_factory=dict)
    """Constructor arguments of a small one that is worth trying the laws on, where its defaults are not"""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Constructor arguments that make this entry what it is, where they differ from the class's own defaults"""
    block: str | None = None
    """The block that the field builds around this layer; ``None``: that of a layer inside it, else a plain one"""
    feed_forward: float = 0.0
    """The feed-forward part of that block, as a multiple of the width"""
    closed_form: bool = False
    """Whether the field solves the readout in closed form, where the task can be scored well so"""
    knobs: tuple[Knob, ...] = ()
    """At most two, tuned beside the learning rate"""
    peer: Peer = "LSTM"
    """torch.nn's layer that its speed is told against"""
    exemptions: Mapping[str, str] = field(default_factory=dict)
    """Name of a law that does not hold -> the reason"""

    @property
    def small(self) -> dict[str, Any]:
        """All constructor arguments of a small one."""
        return {**SMALL, **self.defaults, **self.example}

    @property
    def reads(self) -> Reads:
        """What the layer reads. Models, and so the arms of a comparison, are made of those that read a sequence."""
        if issubclass(self.layer, StructureLayer):
            return "trees or graphs"
        if issubclass(self.layer, EncoderLayer):
            return "a whole sequence"
        return "a sequence and a source" if issubclass(self.layer, Decoder) else "a sequence"

    @property
    def sequence_layer(self) -> type[SequenceLayer]:
        """The class of one that a model can be made of.

        Raises:
            UserError: if the layer reads something else or more than a sequence.
        """
        if self.reads != "a sequence" or not issubclass(self.layer, SequenceLayer):
            raise UserError(
                f"{self.name} reads {self.reads}, which a task of sequences has not; make it from Python, as "
                f"`statewise models {self.name}` shows"
            )
        return self.layer
