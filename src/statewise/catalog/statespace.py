"""State spaces, and all whose state is linear in itself: scans, matrices for a memory, long convolutions."""

from statewise.contract import Entry, Knob
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

STEP_SIZES = (Knob("dt_min", 1e-4, 1e-2, "log"), Knob("dt_max", 1e-2, 1.0, "log"))

STATESPACE = (
    Entry(
        "min-lstm", "statespace", MinLSTM, "Feng et al. 2024",
        block="residual", feed_forward=2.0, knobs=(Knob("forget_bias", -1.0, 4.0),),
    ),
    Entry(
        "min-gru", "statespace", MinGRU, "Feng et al. 2024",
        block="residual", feed_forward=2.0, knobs=(Knob("write_bias", -4.0, 1.0),), peer="GRU",
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
)  # fmt: skip
