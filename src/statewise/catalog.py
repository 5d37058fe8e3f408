"""Everything statewise can build: one literal table. A new layer is its file and one entry here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from statewise.contract import Decoder, SequenceLayer, StructureLayer
from statewise.layers.attention.attentive_decoder import AttentiveDecoder
from statewise.layers.attention.self_attention import SelfAttention
from statewise.layers.convolution.temporal_block import TemporalBlock
from statewise.layers.convolution.window_mlp import WindowMLP
from statewise.layers.memory.feedforward import Feedforward
from statewise.layers.memory.neural_turing_machine import NeuralTuringMachine
from statewise.layers.recurrent.gru import GRU
from statewise.layers.recurrent.lstm import LSTM
from statewise.layers.recurrent.rnn import RNN
from statewise.layers.reservoir.echo_state import EchoStateNetwork
from statewise.layers.statespace.lru import LRU
from statewise.layers.statespace.mamba import Mamba
from statewise.layers.statespace.min_gru import MinGRU
from statewise.layers.statespace.s4d import S4D
from statewise.layers.structure.child_sum_tree_lstm import ChildSumTreeLSTM
from statewise.layers.structure.gated_graph import GatedGraphNetwork


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
    layer: type[SequenceLayer]
    paper: str
    example: Mapping[str, Any]
    """Constructor arguments of a small one beside its defaults, on which the laws are tried"""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Constructor arguments that make this entry what it is, where they differ from the class's own defaults"""
    block: Literal["plain", "residual"] = "plain"
    """The block that the field builds around this layer"""
    feed_forward: float = 0.0
    """The feed-forward part of that block, as a multiple of the width"""
    closed_form: bool = False
    """Whether the field solves the readout in closed form where the task is a regression"""
    knobs: tuple[Knob, ...] = ()
    """At most two, tuned beside the learning rate"""
    exemptions: Mapping[str, str] = field(default_factory=dict)
    """Name of a law that does not hold -> the reason"""


CATALOG: Mapping[str, Entry] = {
    entry.name: entry
    for entry in (
        Entry(
            name="rnn",
            family="recurrent",
            layer=RNN,
            paper="Elman 1990",
            example={"input_size": 3, "hidden_size": 4},
        ),
        Entry(
            name="irnn",
            family="recurrent",
            layer=RNN,
            paper="Le, Jaitly & Hinton 2015",
            example={"input_size": 3, "hidden_size": 4},
            defaults={"activation": "relu", "initialization": "identity"},
        ),
        Entry(
            name="lstm",
            family="recurrent",
            layer=LSTM,
            paper="Hochreiter & Schmidhuber 1997",
            example={"input_size": 3, "hidden_size": 4},
            knobs=(Knob("forget_bias", 0.0, 4.0),),
        ),
        Entry(
            name="gru",
            family="recurrent",
            layer=GRU,
            paper="Cho et al. 2014",
            example={"input_size": 3, "hidden_size": 4},
            knobs=(Knob("keep_bias", -1.0, 3.0),),
        ),
        Entry(
            name="gru-reset-before",
            family="recurrent",
            layer=GRU,
            paper="Cho et al. 2014, eq. 8",
            example={"input_size": 3, "hidden_size": 4},
            defaults={"reset_placement": "before"},
            knobs=(Knob("keep_bias", -1.0, 3.0),),
        ),
        Entry(
            name="min-gru",
            family="statespace",
            layer=MinGRU,
            paper="Feng et al. 2024",
            example={"input_size": 3, "hidden_size": 4},
            block="residual",
            feed_forward=2.0,
            knobs=(Knob("write_bias", -4.0, 1.0),),
        ),
        Entry(
            name="lru",
            family="statespace",
            layer=LRU,
            paper="Orvieto et al. 2023",
            example={"input_size": 3, "hidden_size": 4},
            block="residual",
            feed_forward=2.0,
            knobs=(Knob("smallest_modulus", 0.0, 0.99), Knob("largest_phase", 0.3, 6.28, "log")),
        ),
        Entry(
            name="s4d",
            family="statespace",
            layer=S4D,
            paper="Gu, Gupta, Goel & Re 2022",
            example={"input_size": 3, "hidden_size": 4, "conjugate_pairs": 3},
            block="residual",
            knobs=(Knob("dt_min", 1e-4, 1e-2, "log"), Knob("dt_max", 1e-2, 1.0, "log")),
        ),
        Entry(
            name="mamba",
            family="statespace",
            layer=Mamba,
            paper="Gu & Dao 2023",
            example={"input_size": 3, "hidden_size": 4},
            block="residual",
            knobs=(Knob("dt_min", 1e-4, 1e-2, "log"), Knob("dt_max", 1e-2, 1.0, "log")),
        ),
        *(
            Entry(
                name=name,
                family="attention",
                layer=SelfAttention,
                paper=paper,
                example={"input_size": 3, "hidden_size": 4, "context_length": 5},
                defaults=defaults,
                block="residual",
                feed_forward=4.0,
            )
            for name, paper, defaults in (
                ("attention", "Vaswani et al. 2017; rotary positions: Su et al. 2021", {}),
                ("attention-none", "Haviv et al. 2022", {"positions": "none"}),
                ("attention-sinusoidal", "Vaswani et al. 2017, section 3.5", {"positions": "sinusoidal"}),
                ("attention-alibi", "Press, Smith & Lewis 2022", {"positions": "alibi"}),
                ("attention-learned", "Gehring et al. 2017", {"positions": "learned"}),
            )
        ),
        Entry(
            name="tcn",
            family="convolution",
            layer=TemporalBlock,
            paper="Bai, Kolter & Koltun 2018",
            example={"input_size": 3, "hidden_size": 4, "dilation": 2, "dropout": 0.3},
            knobs=(Knob("dropout", 0.0, 0.3),),
        ),
        Entry(
            name="window-mlp",
            family="convolution",
            layer=WindowMLP,
            paper="Bengio et al. 2003",
            example={"input_size": 3, "hidden_size": 4, "window": 4},
        ),
        Entry(
            name="echo-state",
            family="reservoir",
            layer=EchoStateNetwork,
            paper="Jaeger 2001; Jaeger et al. 2007",
            example={
                "input_size": 3,
                "hidden_size": 4,
                "leak_rate": 0.5,
                "recurrent_connectivity": 0.5,
                "bias_scaling": 0.1,
            },
            closed_form=True,
            knobs=(Knob("spectral_radius", 0.3, 1.3), Knob("leak_rate", 0.05, 1.0, "log")),
        ),
        Entry(
            name="feedforward",
            family="memory",
            layer=Feedforward,
            paper="Graves, Wayne & Danihelka 2014, section 3.3.3",
            example={"input_size": 3, "hidden_size": 4},
        ),
        Entry(
            name="ntm",
            family="memory",
            layer=NeuralTuringMachine,
            paper="Graves, Wayne & Danihelka 2014",
            example={"input_size": 3, "hidden_size": 4, "slots": 6, "slot_width": 5, "read_heads": 2},
        ),
        Entry(
            name="ntm-lstm",
            family="memory",
            layer=NeuralTuringMachine,
            paper="Graves, Wayne & Danihelka 2014",
            example={"input_size": 3, "hidden_size": 4, "slots": 6, "slot_width": 5},
            defaults={"controller": "lstm"},
        ),
    )
}
"""Name -> entry."""


@dataclass(frozen=True)
class OtherEntry:
    """A layer that reads something beside a sequence: where it stands, what it is after, how small it can be."""

    name: str
    family: str
    layer: type[StructureLayer] | type[Decoder]
    paper: str
    example: Mapping[str, Any]
    """Constructor arguments of a small one, on which the laws are tried"""


OTHER_LAYERS: Mapping[str, OtherEntry] = {
    entry.name: entry
    for entry in (
        OtherEntry(
            name="child-sum-tree-lstm",
            family="structure",
            layer=ChildSumTreeLSTM,
            paper="Tai, Socher & Manning 2015",
            example={"input_size": 3, "hidden_size": 4},
        ),
        OtherEntry(
            name="gated-graph",
            family="structure",
            layer=GatedGraphNetwork,
            paper="Li, Tarlow, Brockschmidt & Zemel 2016",
            example={"input_size": 3, "hidden_size": 4, "rounds": 3, "edge_kinds": 2},
        ),
        OtherEntry(
            name="attentive-decoder",
            family="attention",
            layer=AttentiveDecoder,
            paper="Bahdanau, Cho & Bengio 2015",
            example={"input_size": 3, "hidden_size": 4, "memory_size": 6, "attention_size": 7, "cell": GRU},
        ),
    )
}
"""Name -> entry, apart from ``CATALOG`` because a sequence task has no tree and no source to give them, so that none of
these can be an arm of a comparison."""
