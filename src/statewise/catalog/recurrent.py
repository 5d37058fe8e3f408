"""Cells that are stepped: gated, normalised, clocked, in continuous time, diagonal."""

from statewise.contract import Entry, Knob
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

FORGET_BIAS, KEEP_BIAS = Knob("forget_bias", 0.0, 4.0), Knob("keep_bias", -1.0, 3.0)
NORMS = (("layer", ""), ("rms", "; Zhang & Sennrich 2019"))
"""Of normalised cells: kind, and whose it is beside"""

RECURRENT = (
    Entry("rnn", "recurrent", RNN, "Elman 1990", peer="RNN"),
    Entry(
        "irnn", "recurrent", RNN, "Le, Jaitly & Hinton 2015",
        defaults={"activation": "relu", "initialization": "identity"}, peer="RNN",
    ),
    Entry("lstm", "recurrent", LSTM, "Hochreiter & Schmidhuber 1997", knobs=(FORGET_BIAS,)),
    Entry(
        "phased-lstm", "recurrent", PhasedLSTM, "Neil, Pfeiffer & Liu 2016",
        example={"shortest_period": 2.0, "longest_period": 20.0, "leak": 0.05},
        defaults={"open_ratio": 0.5}, block="residual", feed_forward=2.0,
        knobs=(Knob("longest_period", 4.0, 4000.0, "log"), Knob("open_ratio", 0.02, 0.6, "log")),
    ),
    Entry(
        "cfc", "recurrent", CfC, "Hasani et al. 2022",
        example={"backbone_size": 6}, knobs=(Knob("backbone_layers", 1, 3, "integer"),),
    ),
    Entry(
        "ode-rnn", "recurrent", ODERNN, "Rubanova, Chen & Duvenaud 2019",
        example={"field_size": 6}, knobs=(KEEP_BIAS,), peer="GRU",
    ),
    Entry(
        "deep-equilibrium", "recurrent", DeepEquilibrium, "Bai, Kolter & Koltun 2019",
        knobs=(Knob("contraction", 0.3, 0.99),),
    ),
    Entry(
        "clockwork", "recurrent", ClockworkRNN, "Koutnik et al. 2014",
        example={"periods": (1, 3)}, knobs=(Knob("longest_period", 4.0, 256.0, "log"),), peer="RNN",
    ),
    Entry("gru", "recurrent", GRU, "Cho et al. 2014", knobs=(KEEP_BIAS,), peer="GRU"),
    Entry(
        "gru-reset-before", "recurrent", GRU, "Cho et al. 2014, eq. 8",
        defaults={"reset_placement": "before"}, knobs=(KEEP_BIAS,), peer="GRU",
    ),
    Entry("lstm-peephole", "recurrent", PeepholeLSTM, "Gers & Schmidhuber 2000", knobs=(FORGET_BIAS,)),
    Entry("lstm-coupled", "recurrent", CoupledLSTM, "Greff et al. 2017", knobs=(FORGET_BIAS,)),
    Entry("lstm-projected", "recurrent", ProjectedLSTM, "Sak, Senior & Beaufays 2014", knobs=(FORGET_BIAS,)),
    *(
        Entry(
            f"lstm-{norm}-norm", "recurrent", NormLSTM, f"Ba, Kiros & Hinton 2016{paper}",
            defaults={"norm": norm}, knobs=(FORGET_BIAS, Knob("recurrent_gain", 0.1, 1.0, "log")),
        )
        for norm, paper in NORMS
    ),
    *(
        Entry(
            f"gru-{norm}-norm", "recurrent", NormGRU, f"Ba, Kiros & Hinton 2016{paper}",
            defaults={"norm": norm}, knobs=(KEEP_BIAS, Knob("recurrent_gain", 0.1, 1.0, "log")), peer="GRU",
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
        knobs=(Knob("write_bias", -3.0, 1.0),), peer="GRU",
    ),
    Entry("minimal-rnn", "recurrent", MinimalRNN, "Chen 2017", knobs=(KEEP_BIAS,), peer="GRU"),
    Entry(
        "orthogonal-rnn", "recurrent", OrthogonalRNN, "Lezcano-Casado & Martinez-Rubio 2019",
        knobs=(Knob("largest_angle", 0.1, 3.14, "log"),), peer="RNN",
    ),
    Entry(
        "skip-rnn", "recurrent", SkipRNN, "Zhang et al. 2016",
        example={"skip": 3}, knobs=(Knob("skip", 2, 32, "integer"),), peer="RNN",
    ),
    Entry(
        "ind-rnn", "recurrent", IndRNN, "Li et al. 2018",
        block="residual", knobs=(Knob("longest_memory", 4, 4096, "log"),), peer="RNN",
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
)  # fmt: skip
