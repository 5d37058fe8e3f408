"""Weights and state bytes against counts by hand, each kind of weight apart."""

import pytest
import torch
from torch import nn

from statewise.catalog import SEQUENCE_LAYERS
from statewise.combine.pointwise import Embed, Pointwise
from statewise.combine.stack import Stack
from statewise.contract import Model, SequenceLayer, Tokens, Vectors
from statewise.cost.parameters import Parameters, count_parameters, state_bytes
from statewise.models.config import ModelConfig
from statewise.models.resolve import build, make_layer

D, H = 5, 8
FLOAT, INT64 = 4, 8

OPTIONS = {
    "lstm-projected": {"memory_size": 9},
    "skip-rnn": {"skip": 3},
    "cfc": {"backbone_size": 7, "backbone_layers": 2},
    "ode-rnn": {"field_size": 7},
    "lru": {"state_size": 7},
    "lmu": {"order": 7},
    "rg-lru": {"state_size": 7},
    "s4d": {"conjugate_pairs": 3},
    "s4": {"conjugate_pairs": 3},
    "s5": {"conjugate_pairs": 7},
    "mamba": {"expand": 3, "state_size": 5, "kernel_size": 4, "dt_rank": 2},
    "mamba-2": {"expand": 3, "heads": 4, "state_size": 5},
    "gated-delta-net": {"heads": 4, "expand": 3},
    "rwkv": {"heads": 4, "mix_rank": 3, "decay_rank": 6},
    "mlstm": {"heads": 4},
    "hyena": {"context_length": 7, "filter_width": 6, "filter_bands": 2},
    "qrnn": {"kernel_size": 3},
    "slstm": {"heads": 4},
    "tcn": {"kernel_size": 3, "dilation": 4},
    "window-mlp": {"window": 4},
    "echo-state": {"bias_scaling": 0.5, "recurrent_connectivity": 0.25},
    "ntm": {"slots": 9, "slot_width": 6, "read_heads": 2},
    "ntm-lstm": {"slots": 9, "slot_width": 6, "read_heads": 2},
    **{name: {"context_length": 7} for name in SEQUENCE_LAYERS if SEQUENCE_LAYERS[name].family == "attention"},
}
READ, SAID = 2 * 6, 3 * (6 + 1 + 1 + 3 + 1) + 2 * 6  # two readers and a writer
NTM = {
    "said": H * SAID + SAID,
    "start": 3 * 9 + READ,
    "readout": (H + READ) * H + H,
}

BODY = {
    "rnn": H * (D + H + 2),
    "irnn": H * (D + H + 2),
    "lstm": 4 * H * (D + H + 2),
    "phased-lstm": 4 * H * (D + H + 1) + 3 * H + 3 * H,
    "cfc": 7 * (D + H + 1) + 7 * (7 + 1) + 4 * H * (7 + 1),
    "ode-rnn": 3 * H * (D + H + 2) + 7 * (H + 1) + H * (7 + 1),
    "deep-equilibrium": H * (D + H + H + 1),
    "clockwork": H * (D + 1) + 2 * (8 + 6 + 4 + 2),
    "gru": 3 * H * (D + H + 2),
    "gru-reset-before": 3 * H * (D + H + 2),
    "lstm-peephole": 4 * H * (D + H + 1) + 3 * H,
    "lstm-coupled": 3 * H * (D + H + 1),
    "lstm-projected": 4 * 9 * (D + H + 2) + 9 * H,
    **{f"lstm-{kind}-norm": 4 * H * (D + H + 1) + 2 * 4 * H + 2 * H for kind in ("layer", "rms")},
    **{f"gru-{kind}-norm": 3 * H * (D + H + 1) + 2 * 3 * H + H for kind in ("layer", "rms")},
    **{f"lstm-{noise}": 4 * H * (D + H + 1) for noise in ("zoneout", "variational", "recurrent-dropout")},
    "minimal-gated-unit": 2 * H * (D + H + 1),
    "minimal-rnn": H * (D + 1) + H * H + H * (H + 1),
    "orthogonal-rnn": H * (D + 1) + H * (H - 1) // 2 + H,
    "skip-rnn": H * (D + 1) + 2 * H * H,
    "ind-rnn": H * (D + 2),
    "sru": 4 * H * D + 4 * H,
    "qrnn": 3 * H * (3 * D + 1),
    "slstm": 4 * H * (D + 1) + 4 * 4 * 2 * 2,
    "min-lstm": 3 * H * (D + 1),
    "min-gru": 2 * H * (D + 1),
    "lru": 3 * 7 + D * 14 + 14 * H + D * H,
    "lmu": (D + H) * (1 + H) + 7 + 7 * H,
    "rg-lru": D * 14 + 14 + 7 * (4 + 1) + 7 * 14 + 14 + 7 + 7 * H + H,
    "s4d": 2 * D + 2 * D * 6 + 2 * H * (D + 1),
    "s4": 2 * D + D * 3 * (2 + 2 + 2 + 2) + 2 * H * (D + 1),
    "s5": 3 * 7 + D * 14 + 14 * H + D * H + H * (H + 1),
    "mamba": D * 48 + 24 * (4 + 1) + 24 * (2 + 10) + (2 + 1) * 24 + 24 * 5 + 24 + 24 * H,
    "mamba-2": D * (24 + 34 + 4) + 34 * (4 + 1) + 3 * 4 + 24 + 24 * H,
    "gated-delta-net": D * (2 * H + 24 + 24 + 2 * 4) + 40 * 4 + 2 * 4 + 6 + 24 * H,
    "rwkv": 6 * D + 2 * 5 * 3 * D + 4 * D * H + H + 6 * (D + H) + H + 2 * H + H * H,
    "hyena": 3 * H * (D + 1 + 3 + 1) + 6 * (5 + 1) + 6 * (6 + 1) + 6 * 2 * H + H * (H + 1),
    "mlstm": (4 * H + 2 * 4) * (D + 1),
    "attention": 3 * D * H + H * H,
    "attention-none": 3 * D * H + H * H,
    "attention-sinusoidal": 3 * D * H + H * H,
    "attention-alibi": 3 * D * H + H * H,
    "attention-learned": 3 * D * H + H * H + 7 * D,
    "tcn": H * (3 * D + 2) + H * (3 * H + 2) + H * (D + 1),
    "window-mlp": H * (4 * D + 1) + H * (H + 1),
    "echo-state": 0,
    "feedforward": H * (D + 1),
    "ntm": H * (D + READ + 1) + sum(NTM.values()),
    "ntm-lstm": 4 * H * (D + READ + H + 2) + sum(NTM.values()),
}

STATE = {
    "rnn": FLOAT * H,
    "irnn": FLOAT * H,
    "lstm": FLOAT * 2 * H,
    "phased-lstm": FLOAT * 2 * H + 8,
    "cfc": FLOAT * H,
    "ode-rnn": FLOAT * H,
    "deep-equilibrium": FLOAT * H,
    "clockwork": FLOAT * H + INT64,
    "gru": FLOAT * H,
    "gru-reset-before": FLOAT * H,
    "lstm-peephole": FLOAT * 2 * H,
    "lstm-coupled": FLOAT * 2 * H,
    "lstm-projected": FLOAT * (H + 9),
    **{f"lstm-{kind}-norm": FLOAT * 2 * H for kind in ("layer", "rms")},
    **{f"gru-{kind}-norm": FLOAT * H for kind in ("layer", "rms")},
    **{f"lstm-{noise}": FLOAT * 2 * H + 2 * INT64 for noise in ("zoneout", "variational", "recurrent-dropout")},
    "minimal-gated-unit": FLOAT * H,
    "minimal-rnn": FLOAT * H,
    "orthogonal-rnn": FLOAT * H,
    "skip-rnn": FLOAT * 3 * H,
    "ind-rnn": FLOAT * H,
    "sru": FLOAT * H,
    "qrnn": FLOAT * (H + 2 * D),
    "slstm": FLOAT * 4 * H,
    "min-lstm": FLOAT * H,
    "rg-lru": FLOAT * (7 + 3 * 7),
    "min-gru": FLOAT * H,
    "lru": FLOAT * 2 * 7,
    "lmu": FLOAT * (H + 7),
    "s4d": FLOAT * D * 6,
    "s4": FLOAT * D * 6,
    "s5": FLOAT * 2 * 7,
    "mamba": FLOAT * (3 * 24 + 24 * 5),
    "mamba-2": FLOAT * (3 * 34 + 24 * 5),
    "gated-delta-net": FLOAT * (3 * 40 + 4 * 2 * 6),
    "rwkv": FLOAT * (D + 4 * 2 * 2),
    "hyena": FLOAT * (2 * 3 * H + 6 * 2 * H),
    "mlstm": FLOAT * 4 * (2 * 2 + 2 + 1),
    **{name: FLOAT * 2 * 6 * H + INT64 for name in SEQUENCE_LAYERS if SEQUENCE_LAYERS[name].family == "attention"},
    "tcn": FLOAT * 2 * 4 * (D + H) + 2 * INT64,
    "window-mlp": FLOAT * 3 * D,
    "echo-state": FLOAT * H,
    "feedforward": 0,
    "ntm": FLOAT * (9 * 6 + 3 * 9 + READ),
    "ntm-lstm": FLOAT * (9 * 6 + 3 * 9 + READ + 2 * H),
}


def layer_of(name: str) -> SequenceLayer:
    entry = SEQUENCE_LAYERS[name]
    return make_layer(entry, {**OPTIONS.get(name, {}), "input_size": D, "hidden_size": H})


def test_there_is_a_hand_count_of_every_entry():
    assert BODY.keys() == STATE.keys() == SEQUENCE_LAYERS.keys()


@pytest.mark.parametrize("name", SEQUENCE_LAYERS)
def test_the_weights_and_bytes_of_a_layer(name):
    layer = layer_of(name)
    found = count_parameters(Model(layer, nn.Linear(H, 3), 3))
    assert (found.body, found.embedding, found.readout) == (BODY[name], 0, 3 * (H + 1))
    assert (found.fixed > 0) == (name in ("echo-state", "lmu"))
    assert state_bytes(layer) == STATE[name]


def test_a_reservoirs_weights_that_are_not_zero_are_fixed():
    layer = layer_of("echo-state")
    found = count_parameters(Model(layer, nn.Linear(H, 3), 3))
    by_hand = sum(int((weights != 0).sum()) for weights in (layer.input_weights, layer.weights, layer.bias))
    assert found.fixed == found.matched == by_hand
    assert by_hand == D * H + H + round(OPTIONS["echo-state"]["recurrent_connectivity"] * H * H)


def test_input_side_and_readout_stand_apart():
    config = ModelConfig(layer="gru", width=6, depth=2, block="residual", feed_forward=2.0)
    found = count_parameters(build(config, Tokens(50), 40))
    feed_forward = 6 * 12 + 12 + 12 * 6 + 6
    blocks = 2 * (3 * 6 * (6 + 6 + 2) + feed_forward + 2 * 2 * 6)
    assert found == Parameters(body=blocks + 2 * 6, fixed=0, embedding=50 * 6, readout=40 * (6 + 1))
    assert count_parameters(build(config, Vectors(3), 40)).embedding == 6 * (3 + 1)


def test_a_frozen_layer_is_fixed_and_still_matched():
    model = build(ModelConfig(layer="rnn", width=6, depth=1), Tokens(50), 40)
    trained = count_parameters(model)
    model.body.layers[0].requires_grad_(False)
    frozen = count_parameters(model)
    assert (frozen.body, frozen.fixed, frozen.matched) == (0, trained.body, trained.matched)


def test_what_a_body_starts_with_is_no_input_side():
    """Neither a layer that remembers nor one that does not."""
    first = Pointwise(nn.Linear(D, D), input_size=D, output_size=D)
    found = count_parameters(Model(Stack([first, layer_of("lstm")]), nn.Linear(H, 3), 3))
    assert (found.embedding, found.body) == (0, D * (D + 1) + BODY["lstm"])


def test_the_table_of_an_embedding_is_no_body():
    found = count_parameters(Model(layer_of("lstm"), nn.Linear(H, 3), 3, embedding=Embed(Tokens(9), width=D)))
    assert (found.embedding, found.body) == (9 * D, BODY["lstm"])


def test_the_state_of_a_model_is_that_of_its_layers():
    model = Model(Stack([layer_of("lstm")]), nn.Linear(H, 3), 3, embedding=Embed(Tokens(9), width=D))
    assert state_bytes(model) == STATE["lstm"]


@pytest.mark.parametrize(("dtype", "size"), [(torch.float64, 8), (torch.bfloat16, 2)])
def test_a_state_in_another_precision(dtype, size):
    assert state_bytes(layer_of("lstm").to(dtype)) == size * 2 * H


def test_counting_draws_no_random_numbers():
    layer = layer_of("tcn").train()
    model = Model(Stack([layer]), nn.Linear(H, 3), 3)
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    state_bytes(layer)
    count_parameters(model)
    assert torch.equal(torch.rand(1), expected)
