"""Every entry of the catalog: options, and the hand count of a step with them at widths D and H."""

from collections.abc import Callable
from typing import Any

from .hand_counts import (
    Count,
    attention,
    cfc,
    cfc_pure,
    clockwork,
    coupled_lstm,
    deep_equilibrium,
    echo_state,
    gated_delta_net,
    gru,
    hyena,
    ind_rnn,
    lmu,
    lru,
    lstm,
    mamba,
    mamba2,
    min_gru,
    min_lstm,
    minimal_gated_unit,
    minimal_rnn,
    mlstm,
    norm_gru,
    norm_lstm,
    ntm,
    ode_rnn,
    orthogonal_rnn,
    peephole_lstm,
    phased_lstm,
    projected_lstm,
    quasi_rnn,
    rg_lru,
    rnn,
    rotary,
    rwkv,
    s4,
    s4d,
    s5,
    skip_rnn,
    slstm,
    sru,
    temporal_block,
    window_mlp,
    zoneout_lstm,
)

HEADS = {"heads": 2, "context_length": 7}
SPARSE = {"leak_rate": 0.5, "recurrent_connectivity": 0.5}
MEMORY = {"slots": 9, "slot_width": 5, "read_heads": 2, "write_heads": 3}

HAND: dict[str, list[tuple[dict[str, Any], Callable[[int, int], Count]]]] = {
    "rnn": [({}, rnn)],
    "irnn": [({}, rnn)],
    "lstm": [({}, lstm)],
    "phased-lstm": [({}, phased_lstm)],
    "cfc": [
        ({}, lambda d, h: cfc(d, h, w=h, layers=1)),
        ({"backbone_size": 7, "backbone_layers": 3}, lambda d, h: cfc(d, h, w=7, layers=3)),
        ({"backbone_size": 6, "mode": "pure"}, lambda d, h: cfc_pure(d, h, w=6)),
    ],
    "ode-rnn": [  # a step beside its fields: half a duration where there is one, a product and a sum each
        ({}, lambda d, h: ode_rnn(d, h, w=h, fields=4, beside=2 + 6 * h + 4 * h + 2 * h, steps=1)),
        (
            {"field_size": 7, "solver": "midpoint", "solver_steps": 3},
            lambda d, h: ode_rnn(d, h, w=7, fields=2, beside=1 + 4 * h, steps=3),
        ),
        (
            {"field_size": 7, "solver": "euler", "solver_steps": 2},
            lambda d, h: ode_rnn(d, h, w=7, fields=1, beside=2 * h, steps=2),
        ),
    ],
    "deep-equilibrium": [
        ({"iterations": 3, "tolerance": 0.0}, lambda d, h: deep_equilibrium(d, h, k=3)),
        ({}, lambda d, h: deep_equilibrium(d, h, k=16)),
    ],
    "clockwork": [
        ({}, lambda d, h: clockwork(d, h, groups=4)),
        ({"periods": (3, 3)}, lambda d, h: clockwork(d, h, groups=2)),
    ],
    "gru": [({}, gru)],
    "gru-reset-before": [({}, gru)],
    "lstm-peephole": [({}, peephole_lstm)],
    "lstm-coupled": [({}, coupled_lstm)],
    "lstm-projected": [
        ({}, lambda d, h: projected_lstm(d, h, c=2 * h)),
        ({"memory_size": 9}, lambda d, h: projected_lstm(d, h, c=9)),
    ],
    "lstm-layer-norm": [({}, lambda d, h: norm_lstm(d, h, kind="layer"))],
    "lstm-rms-norm": [({}, lambda d, h: norm_lstm(d, h, kind="rms"))],
    "gru-layer-norm": [({}, lambda d, h: norm_gru(d, h, kind="layer"))],
    "gru-rms-norm": [({}, lambda d, h: norm_gru(d, h, kind="rms"))],
    "lstm-zoneout": [({}, zoneout_lstm)],
    "lstm-variational": [({}, lstm)],
    "lstm-recurrent-dropout": [({}, lstm)],
    "minimal-gated-unit": [({}, minimal_gated_unit)],
    "minimal-rnn": [({}, minimal_rnn)],
    "orthogonal-rnn": [({}, orthogonal_rnn)],
    "skip-rnn": [({}, skip_rnn), ({"skip": 3}, skip_rnn)],
    "ind-rnn": [({}, ind_rnn)],
    "sru": [({}, sru)],
    "qrnn": [
        ({}, lambda d, h: quasi_rnn(d, h, k=2, pooling="fo")),
        ({"kernel_size": 3, "pooling": "f"}, lambda d, h: quasi_rnn(d, h, k=3, pooling="f")),
        ({"kernel_size": 1, "pooling": "ifo"}, lambda d, h: quasi_rnn(d, h, k=1, pooling="ifo")),
    ],
    "slstm": [({}, lambda d, h: slstm(d, h, n=1)), ({"heads": 2}, lambda d, h: slstm(d, h, n=2))],
    "min-lstm": [({}, min_lstm)],
    "min-gru": [({}, min_gru)],
    "lru": [
        ({}, lambda d, h: lru(d, h, s=h)),
        ({"state_size": 7}, lambda d, h: lru(d, h, s=7)),
    ],
    "lmu": [
        ({}, lambda d, h: lmu(d, h, s=16)),
        ({"order": 7}, lambda d, h: lmu(d, h, s=7)),
    ],
    "rg-lru": [
        ({}, lambda d, h: rg_lru(d, h, s=h, k=4)),
        ({"state_size": 7, "kernel_size": 2}, lambda d, h: rg_lru(d, h, s=7, k=2)),
    ],
    "s4d": [
        ({}, lambda d, h: s4d(d, h, s=16)),
        ({"conjugate_pairs": 3}, lambda d, h: s4d(d, h, s=6)),
    ],
    "s4": [
        ({}, lambda d, h: s4(d, h, s=16)),
        ({"conjugate_pairs": 3}, lambda d, h: s4(d, h, s=6)),
    ],
    "s5": [
        ({}, lambda d, h: s5(d, h, p=-(-h // 2))),
        ({"conjugate_pairs": 7}, lambda d, h: s5(d, h, p=7)),
    ],
    "mamba": [
        ({}, lambda d, h: mamba(d, h, e=2 * h, s=16, k=4, r=-(-h // 16))),
        (
            {"expand": 3, "state_size": 5, "kernel_size": 2, "dt_rank": 3},
            lambda d, h: mamba(d, h, e=3 * h, s=5, k=2, r=3),
        ),
    ],
    "mamba-2": [
        ({}, lambda d, h: mamba2(d, h, e=2 * h, n=2, s=32, k=4)),
        ({"expand": 3, "heads": 4, "state_size": 5}, lambda d, h: mamba2(d, h, e=3 * h, n=4, s=5, k=4)),
    ],
    "gated-delta-net": [
        ({}, lambda d, h: gated_delta_net(d, h, n=2, e=2 * h, k=4)),
        ({"heads": 4, "expand": 3, "kernel_size": 2}, lambda d, h: gated_delta_net(d, h, n=4, e=3 * h, k=2)),
    ],
    "rwkv": [
        ({}, lambda d, h: rwkv(d, h, n=2, m=8, r=16)),
        ({"heads": 4, "mix_rank": 3, "decay_rank": 5}, lambda d, h: rwkv(d, h, n=4, m=3, r=5)),
    ],
    "hyena": [
        ({"context_length": 7}, lambda d, h: hyena(d, h, c=7, n=2)),
        (
            {"context_length": 11, "order": 3, "filter_width": 6, "filter_bands": 3},
            lambda d, h: hyena(d, h, c=11, n=3),
        ),
    ],
    "mlstm": [({}, lambda d, h: mlstm(d, h, n=2)), ({"heads": 4}, lambda d, h: mlstm(d, h, n=4))],
    "attention": [
        (HEADS, lambda d, h: attention(d, h, n=2, c=7, positions=rotary(h, 2))),
        ({"heads": 1, "context_length": 11}, lambda d, h: attention(d, h, n=1, c=11, positions=rotary(h, 1))),
    ],
    "attention-none": [(HEADS, lambda d, h: attention(d, h, n=2, c=7, positions=0))],
    "attention-sinusoidal": [(HEADS, lambda d, h: attention(d, h, n=2, c=7, positions=3 * -(-d // 2) + d))],
    "attention-alibi": [(HEADS, lambda d, h: attention(d, h, n=2, c=7, positions=2 * 7))],  # a bias a score
    "attention-learned": [(HEADS, lambda d, h: attention(d, h, n=2, c=7, positions=d))],
    "tcn": [
        ({"dilation": 2, "dropout": 0.3}, lambda d, h: temporal_block(d, h, k=3)),
        ({"kernel_size": 5, "weight_norm": False}, lambda d, h: temporal_block(d, h, k=5)),
    ],
    "window-mlp": [
        ({"window": 4}, lambda d, h: window_mlp(d, h, k=4)),
        ({"window": 9}, lambda d, h: window_mlp(d, h, k=9)),
    ],
    "echo-state": [
        (SPARSE, lambda d, h: echo_state(d, h, leaky=True)),
        ({"recurrent_connectivity": 1.0}, lambda d, h: echo_state(d, h, leaky=False)),
    ],
    "feedforward": [({}, lambda d, h: (2 * d * h, h))],
    "ntm": [
        (MEMORY, lambda d, h: ntm(d, h, n=9, w=5, readers=2, writers=3)),
        ({"slots": 20, "slot_width": 3}, lambda d, h: ntm(d, h, n=20, w=3, readers=1, writers=1)),
    ],
    "ntm-lstm": [(MEMORY, lambda d, h: ntm(d, h, n=9, w=5, readers=2, writers=3, lstm_controller=True))],
}
