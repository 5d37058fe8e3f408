"""Everything statewise can build: one literal table. A new layer is its file and one entry here."""

from collections.abc import Mapping
from typing import Any

from statewise.contract import Entry, Knob
from statewise.layers.attention.attentive_decoder import AttentiveDecoder
from statewise.layers.attention.self_attention import SelfAttention
from statewise.layers.convolution.temporal_block import TemporalBlock
from statewise.layers.convolution.window_mlp import WindowMLP
from statewise.layers.memory.feedforward import Feedforward
from statewise.layers.memory.neural_turing_machine import NeuralTuringMachine
from statewise.layers.recurrent.cfc import CfC
from statewise.layers.recurrent.clockwork import ClockworkRNN
from statewise.layers.recurrent.coupled_lstm import CoupledLSTM
from statewise.layers.recurrent.deep_equilibrium import DeepEquilibrium
from statewise.layers.recurrent.gru import GRU
from statewise.layers.recurrent.ind_rnn import IndRNN
from statewise.layers.recurrent.lstm import LSTM
from statewise.layers.recurrent.minimal_gated_unit import MinimalGatedUnit
from statewise.layers.recurrent.minimal_rnn import MinimalRNN
from statewise.layers.recurrent.norm_gru import NormGRU
from statewise.layers.recurrent.norm_lstm import NormLSTM
from statewise.layers.recurrent.ode_rnn import ODERNN
from statewise.layers.recurrent.orthogonal_rnn import OrthogonalRNN
from statewise.layers.recurrent.peephole_lstm import PeepholeLSTM
from statewise.layers.recurrent.phased_lstm import PhasedLSTM
from statewise.layers.recurrent.projected_lstm import ProjectedLSTM
from statewise.layers.recurrent.quasi_rnn import QuasiRNN
from statewise.layers.recurrent.rnn import RNN
from statewise.layers.recurrent.s_lstm import SLSTM
from statewise.layers.recurrent.skip_rnn import SkipRNN
from statewise.layers.recurrent.sru import SRU
from statewise.layers.recurrent.zoneout_lstm import ZoneoutLSTM
from statewise.layers.reservoir.echo_state import EchoStateNetwork
from statewise.layers.statespace.gated_delta_net import GatedDeltaNet
from statewise.layers.statespace.hyena import Hyena
from statewise.layers.statespace.lmu import LMU
from statewise.layers.statespace.lru import LRU
from statewise.layers.statespace.mamba import Mamba
from statewise.layers.statespace.mamba2 import Mamba2
from statewise.layers.statespace.min_gru import MinGRU
from statewise.layers.statespace.min_lstm import MinLSTM
from statewise.layers.statespace.mlstm import MLSTM
from statewise.layers.statespace.rg_lru import RGLRU
from statewise.layers.statespace.rwkv import RWKV
from statewise.layers.statespace.s4 import S4
from statewise.layers.statespace.s4d import S4D
from statewise.layers.statespace.s5 import S5
from statewise.layers.structure.child_sum_tree_lstm import ChildSumTreeLSTM
from statewise.layers.structure.gated_graph import GatedGraphNetwork

STEP_SIZES = (Knob("dt_min", 1e-4, 1e-2, "log"), Knob("dt_max", 1e-2, 1.0, "log"))
FORGET_BIAS, KEEP_BIAS = Knob("forget_bias", 0.0, 4.0), Knob("keep_bias", -1.0, 3.0)
NORMS = (("layer", ""), ("rms", "; Zhang & Sennrich 2019"))
"""Of normalised cells: kind, and whose it is beside"""
POSITIONS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("attention", "Vaswani et al. 2017; rotary positions: Su et al. 2021", {}),
    ("attention-none", "Haviv et al. 2022", {"positions": "none"}),
    ("attention-sinusoidal", "Vaswani et al. 2017, section 3.5", {"positions": "sinusoidal"}),
    ("attention-alibi", "Press, Smith & Lewis 2022", {"positions": "alibi"}),
    ("attention-learned", "Gehring et al. 2017", {"positions": "learned"}),
)
"""Self-attention by how it knows where a step stands: name, paper, options"""

CATALOG: Mapping[str, Entry] = {
    entry.name: entry
    for entry in (
        Entry("rnn", "recurrent", RNN, "Elman 1990"),
        Entry(
            "irnn", "recurrent", RNN, "Le, Jaitly & Hinton 2015",
            defaults={"activation": "relu", "initialization": "identity"},
        ),
        Entry("lstm", "recurrent", LSTM, "Hochreiter & Schmidhuber 1997", knobs=(FORGET_BIAS,)),
        Entry(
            "phased-lstm", "recurrent", PhasedLSTM, "Neil, Pfeiffer & Liu 2016",
            example={"shortest_period": 2.0, "longest_period": 20.0, "open_ratio": 0.5, "leak": 0.05},
            knobs=(Knob("longest_period", 4.0, 4000.0, "log"), Knob("open_ratio", 0.02, 0.6, "log")),
        ),
        Entry(
            "cfc", "recurrent", CfC, "Hasani et al. 2022",
            example={"backbone_size": 6}, knobs=(Knob("backbone_layers", 1, 3, "integer"),),
        ),
        Entry(
            "ode-rnn", "recurrent", ODERNN, "Rubanova, Chen & Duvenaud 2019",
            example={"field_size": 6}, knobs=(Knob("keep_bias", -1.0, 3.0),),
        ),
        Entry(
            "deep-equilibrium", "recurrent", DeepEquilibrium, "Bai, Kolter & Koltun 2019",
            knobs=(Knob("contraction", 0.3, 0.99),),
        ),
        Entry("clockwork", "recurrent", ClockworkRNN, "Koutnik et al. 2014", example={"periods": (1, 3)}),
        Entry("gru", "recurrent", GRU, "Cho et al. 2014", knobs=(KEEP_BIAS,)),
        Entry(
            "gru-reset-before", "recurrent", GRU, "Cho et al. 2014, eq. 8",
            defaults={"reset_placement": "before"}, knobs=(KEEP_BIAS,),
        ),
        Entry("lstm-peephole", "recurrent", PeepholeLSTM, "Gers & Schmidhuber 2000", knobs=(FORGET_BIAS,)),
        Entry("lstm-coupled", "recurrent", CoupledLSTM, "Greff et al. 2017", knobs=(FORGET_BIAS,)),
        Entry("lstm-projected", "recurrent", ProjectedLSTM, "Sak, Senior & Beaufays 2014", knobs=(FORGET_BIAS,)),
        *(
            Entry(
                f"lstm-{norm}-norm", "recurrent", NormLSTM, f"Ba, Kiros & Hinton 2016{paper}",
                defaults={"norm": norm}, knobs=(FORGET_BIAS, Knob("gain", 0.1, 1.0, "log")),
            )
            for norm, paper in NORMS
        ),
        *(
            Entry(
                f"gru-{norm}-norm", "recurrent", NormGRU, f"Ba, Kiros & Hinton 2016{paper}",
                defaults={"norm": norm}, knobs=(KEEP_BIAS, Knob("gain", 0.1, 1.0, "log")),
            )
            for norm, paper in NORMS
        ),
        Entry(
            "lstm-zoneout", "recurrent", ZoneoutLSTM, "Krueger et al. 2017",
            knobs=(Knob("zoneout", 0.0, 0.3), Knob("zoneout_memory", 0.0, 0.6)),
        ),
        Entry(
            "lstm-variational", "recurrent", ZoneoutLSTM, "Gal & Ghahramani 2016",
            defaults={"zoneout": 0.0, "zoneout_memory": 0.0, "variational_dropout": 0.25},
            knobs=(Knob("variational_dropout", 0.0, 0.5),),
        ),
        Entry(
            "lstm-recurrent-dropout", "recurrent", ZoneoutLSTM, "Semeniuta, Severyn & Barth 2016",
            defaults={"zoneout": 0.0, "zoneout_memory": 0.0, "recurrent_dropout": 0.25},
            knobs=(Knob("recurrent_dropout", 0.0, 0.5),),
        ),
        Entry(
            "minimal-gated-unit", "recurrent", MinimalGatedUnit, "Zhou et al. 2016",
            knobs=(Knob("write_bias", -3.0, 1.0),),
        ),
        Entry("minimal-rnn", "recurrent", MinimalRNN, "Chen 2017", knobs=(KEEP_BIAS,)),
        Entry(
            "orthogonal-rnn", "recurrent", OrthogonalRNN, "Lezcano-Casado & Martinez-Rubio 2019",
            knobs=(Knob("largest_angle", 0.1, 3.14, "log"),),
        ),
        Entry(
            "skip-rnn", "recurrent", SkipRNN, "Zhang et al. 2016",
            example={"skip": 3}, knobs=(Knob("skip", 2, 32, "integer"),),
        ),
        Entry(
            "ind-rnn", "recurrent", IndRNN, "Li et al. 2018",
            block="residual", knobs=(Knob("longest_memory", 4, 4096, "log"),),
        ),
        Entry(
            "sru", "recurrent", SRU, "Lei et al. 2018",
            knobs=(Knob("forget_bias", -1.0, 4.0), Knob("highway_bias", -3.0, 1.0)),
        ),
        Entry(
            "qrnn", "recurrent", QuasiRNN, "Bradbury et al. 2017",
            example={"zoneout": 0.3}, knobs=(Knob("forget_bias", -1.0, 4.0), Knob("zoneout", 0.0, 0.5)),
        ),
        Entry(
            "slstm", "recurrent", SLSTM, "Beck et al. 2024",
            example={"heads": 2}, block="residual", feed_forward=2.0,
            knobs=(Knob("forget_bias", 0.0, 6.0), Knob("input_bias", -10.0, 1.0)),
        ),
        Entry(
            "min-lstm", "statespace", MinLSTM, "Feng et al. 2024",
            block="residual", feed_forward=2.0, knobs=(Knob("forget_bias", -1.0, 4.0),),
        ),
        Entry(
            "min-gru", "statespace", MinGRU, "Feng et al. 2024",
            block="residual", feed_forward=2.0, knobs=(Knob("write_bias", -4.0, 1.0),),
        ),
        Entry(
            "lru", "statespace", LRU, "Orvieto et al. 2023",
            block="residual", feed_forward=2.0,
            knobs=(Knob("smallest_modulus", 0.0, 0.99), Knob("largest_phase", 0.3, 6.28, "log")),
        ),
        Entry(
            "s4", "statespace", S4, "Gu, Goel & Re 2022",
            example={"conjugate_pairs": 2}, block="residual", knobs=STEP_SIZES,
        ),
        Entry(
            "rg-lru", "statespace", RGLRU, "De et al. 2024",
            example={"state_size": 6}, block="residual", feed_forward=3.0, knobs=(Knob("smallest_decay", 0.1, 0.99),),
        ),
        Entry(
            "s4d", "statespace", S4D, "Gu, Gupta, Goel & Re 2022",
            example={"conjugate_pairs": 3}, block="residual", knobs=STEP_SIZES,
        ),
        Entry(
            "lmu", "statespace", LMU, "Voelker, Kajic & Eliasmith 2019",
            example={"order": 6, "window": 5.5},
            knobs=(Knob("window", 4, 1024, "log"), Knob("order", 4, 64, "integer")),
        ),
        Entry(
            "s5", "statespace", S5, "Smith, Warrington & Linderman 2023",
            example={"conjugate_pairs": 3}, block="residual", knobs=STEP_SIZES,
        ),
        Entry("mamba", "statespace", Mamba, "Gu & Dao 2023", block="residual", knobs=STEP_SIZES),
        Entry(
            "mamba-2", "statespace", Mamba2, "Dao & Gu 2024",
            example={"state_size": 5}, block="residual", knobs=STEP_SIZES,
        ),
        Entry(
            "gated-delta-net", "statespace", GatedDeltaNet, "Yang, Kautz & Hatamizadeh 2024",
            block="residual", feed_forward=2.0, knobs=STEP_SIZES,
        ),
        Entry(
            "rwkv", "statespace", RWKV, "Peng et al. 2024",
            example={"mix_rank": 2, "decay_rank": 3}, block="residual", feed_forward=2.0,
            knobs=(Knob("slowest_decay", -8.0, -3.0), Knob("fastest_decay", -3.0, 1.0)),
        ),
        Entry(
            "hyena", "statespace", Hyena, "Poli et al. 2023",
            example={"context_length": 5, "filter_width": 6, "filter_bands": 2},
            block="residual", feed_forward=2.0, knobs=(Knob("sine_frequency", 1.0, 20.0, "log"),),
        ),
        Entry(
            "mlstm", "statespace", MLSTM, "Beck et al. 2024",
            block="residual", feed_forward=2.0, knobs=(Knob("forget_bias", 0.0, 6.0), Knob("input_bias", -10.0, 1.0)),
        ),
        *(
            Entry(
                name, "attention", SelfAttention, paper,
                example={"context_length": 5}, defaults=options, block="residual", feed_forward=4.0,
            )
            for name, paper, options in POSITIONS
        ),
        Entry(
            "attentive-decoder", "attention", AttentiveDecoder, "Bahdanau, Cho & Bengio 2015",
            example={"memory_size": 6, "attention_size": 7, "cell": GRU},
        ),
        Entry(
            "tcn", "convolution", TemporalBlock, "Bai, Kolter & Koltun 2018",
            example={"dilation": 2, "dropout": 0.3}, knobs=(Knob("dropout", 0.0, 0.3),),
        ),
        Entry("window-mlp", "convolution", WindowMLP, "Bengio et al. 2003", example={"window": 4}),
        Entry(
            "echo-state", "reservoir", EchoStateNetwork, "Jaeger 2001; Jaeger et al. 2007",
            example={"leak_rate": 0.5, "recurrent_connectivity": 0.5, "bias_scaling": 0.1},
            closed_form=True, knobs=(Knob("spectral_radius", 0.3, 1.3), Knob("leak_rate", 0.05, 1.0, "log")),
        ),
        Entry("feedforward", "memory", Feedforward, "Graves, Wayne & Danihelka 2014, section 3.3.3"),
        Entry(
            "ntm", "memory", NeuralTuringMachine, "Graves, Wayne & Danihelka 2014",
            example={"slots": 6, "slot_width": 5, "read_heads": 2}, block="plain",
        ),
        Entry(
            "ntm-lstm", "memory", NeuralTuringMachine, "Graves, Wayne & Danihelka 2014",
            example={"slots": 6, "slot_width": 5}, defaults={"controller": "lstm"}, block="plain",
        ),
        Entry("child-sum-tree-lstm", "structure", ChildSumTreeLSTM, "Tai, Socher & Manning 2015"),
        Entry(
            "gated-graph", "structure", GatedGraphNetwork, "Li, Tarlow, Brockschmidt & Zemel 2016",
            example={"rounds": 3, "edge_kinds": 2},
        ),
    )
}  # fmt: skip
"""Name -> entry, whatever it reads."""

SEQUENCE_LAYERS: Mapping[str, Entry] = {name: e for name, e in CATALOG.items() if e.reads == "a sequence"}
"""Those that a model can be made of, and so the arms of a comparison"""
