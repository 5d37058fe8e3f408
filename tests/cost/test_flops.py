"""Counted operations against formulas written by hand from each paper's equations, at sizes that differ."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from statewise.catalog import SEQUENCE_LAYERS
from statewise.combine.pointwise import Embed
from statewise.combine.residual import PreNorm
from statewise.combine.stack import Stack
from statewise.contract import SequenceLayer, Tokens, Vectors, example_input
from statewise.cost.flops import product_counter, step_flops
from statewise.models.resolve import make_layer

SIZES = ((3, 4), (5, 12), (16, 8), (24, 40))
"""Input width D and width H: more than one unknown exponent can hide in"""

Count = tuple[int, int]
"""Operations in products (2 a multiply-add, biases free) and number by number (1 an elementary function)"""


def rnn(d: int, h: int) -> Count:
    return 2 * h * (d + h), h + h  # W x + U h; their sum, f


def lstm(d: int, h: int) -> Count:
    gates = 4 * h + 3 * h + h  # sums, three sigmoids, tanh g
    return 2 * 4 * h * (d + h), gates + 3 * h + 2 * h  # f c + i g; o tanh(c)


def phased_lstm(d: int, h: int) -> Count:
    gates = 4 * h + 3 * 2 * h + 3 * h + h  # sums, peepholes, three sigmoids, tanh g
    clock = 1 + 2 * h + h + 2 * h + h + h  # time; (t - s) / tau; phase; 2 phi / r; 2 - that; leak
    return 2 * 4 * h * (d + h), gates + 3 * h + 2 * h + clock + 2 * 4 * h  # c~; h~; both kept in part


def cfc(d: int, h: int, *, w: int, layers: int) -> Count:
    backbone = w * (d + h) + (layers - 1) * w * w
    return 2 * (backbone + 4 * w * h), layers * 3 * w + 3 * h + 2 * h + 4 * h  # LeCun; s; two tanh; between them


def cfc_pure(d: int, h: int, *, w: int) -> Count:
    return 2 * (w * (d + h) + w * h), 3 * w + 1 + 2 * h + 2 * h + 3 * h  # -elapsed; |f| + |w|; exp; A - A . f


def gru(d: int, h: int) -> Count:
    gates = 2 * h + 2 * h  # sums and sigmoids of r and z
    return 2 * 3 * h * (d + h), gates + 3 * h + 3 * h  # n = tanh(. + r .); n + z (h - n)


def peephole_lstm(d: int, h: int) -> Count:
    products, elementwise = lstm(d, h)
    return products, elementwise + 3 * 2 * h  # p c, added


def coupled_lstm(d: int, h: int) -> Count:
    return 2 * 3 * h * (d + h), 3 * h + 3 * h + 4 * h + 2 * h  # sums; gates; f c + (1 - f) g; o tanh(c)


def projected_lstm(d: int, h: int, *, c: int) -> Count:
    return 2 * (4 * c * (d + h) + c * h), 13 * c


def norm(n: int, *, kind: str) -> int:
    return 7 * n if kind == "layer" else 4 * n + 2  # one quotient and its root a row


def norm_lstm(d: int, h: int, *, kind: str) -> Count:
    products, elementwise = lstm(d, h)
    return products, elementwise + 2 * norm(4 * h, kind=kind) + norm(h, kind=kind) + 4 * h + h  # and biases


def norm_gru(d: int, h: int, *, kind: str) -> Count:
    products, elementwise = gru(d, h)
    return products, elementwise + 2 * (norm(2 * h, kind=kind) + norm(h, kind=kind)) + 3 * h + h  # and biases


def zoneout_lstm(d: int, h: int) -> Count:
    products, elementwise = lstm(d, h)
    return products, elementwise + 2 * 3 * h  # new + k (old - new)


def minimal_gated_unit(d: int, h: int) -> Count:
    return 2 * (2 * d * h + 2 * h * h), 2 * h + h + 2 * h + 4 * h  # f; f h; n; (1 - f) h + f n


def minimal_rnn(d: int, h: int) -> Count:
    return 2 * (d * h + 2 * h * h), h + 2 * h + 4 * h  # z; k; k h + (1 - k) z


def orthogonal_rnn(d: int, h: int) -> Count:
    return 2 * h * (d + h), h + 4 * h  # sum; |a| + b, relu, times sign


def skip_rnn(d: int, h: int) -> Count:
    return 2 * (d * h + 2 * h * h), 3 * h


def ode_rnn(d: int, h: int, *, w: int, fields: int, beside: int, steps: int) -> Count:
    products, gates = gru(d, h)
    field = 2 * 2 * w * h * fields, w * fields  # two products and tanh an evaluation
    return products + steps * field[0], gates + 1 + steps * (field[1] + beside)  # 1: duration / steps


def deep_equilibrium(d: int, h: int, *, k: int) -> Count:
    iteration = 2 * h + (h + h + h)  # sum, tanh; how far it moved: difference, absolute value, largest
    return 2 * h * (d + h) + (k - 1) * 2 * h * h, 2 * h + (k - 1) * iteration


def clockwork(d: int, h: int, *, groups: int) -> Count:
    return 2 * h * d + h * h * (groups + 1) // groups, 2 * h  # blocks on and above the diagonal; sum, tanh


def min_gru(d: int, h: int) -> Count:
    return 2 * 2 * d * h, 5 * h  # sigmoid, 1 - z, z c, (1 - z) h, sum


def min_lstm(d: int, h: int) -> Count:
    return 2 * 3 * d * h, 4 * h + 4 * h  # f'; 1 - f', f' h, (1 - f') c, sum


def ind_rnn(d: int, h: int) -> Count:
    return 2 * d * h, 3 * h


def sru(d: int, h: int) -> Count:
    return 2 * (3 * d * h + (d * h if d != h else 0)), 2 * 4 * h + 4 * h + 4 * h  # gates; c; y


def quasi_rnn(d: int, h: int, *, k: int, pooling: str) -> Count:
    v = len(pooling) + 1
    read, complement = pooling != "f", pooling != "ifo"
    return 2 * k * d * v * h, 2 * v * h + (3 + read + complement) * h  # biases and gates; c and y


def slstm(d: int, h: int, *, n: int) -> Count:
    gates = 4 * h + 3 * h + 4 * h + 2 * h  # sums; m; f and i; tanh z, sigmoid o
    return 2 * (4 * d * h + 4 * h * h // n), gates + 3 * h + 2 * h + 2 * h  # c; n; o c / n


def lru(d: int, h: int, *, s: int) -> Count:
    state = 6 * s + 2 * s + 2 * s  # lambda h and gamma (B x), complex; their sum
    return 2 * (d * 2 * s + 2 * s * h + d * h), state + h


def lmu(d: int, h: int, *, s: int) -> Count:
    # u and what drives h, the memory, what it drives; their sums, Abar m + Bbar u, tanh
    return 2 * ((d + h) * (1 + h) + s + s * s + s * h), (1 + h) + 1 + 2 * s + 2 * h


def rg_lru(d: int, h: int, *, s: int, k: int) -> Count:
    decay = s + 3 * s + s + 4 * s  # r; -8 softplus(Lambda) r; its exp; root of the clamped 1 - exp(2 .)
    state = s + 2 * s + 2 * s  # i; times v, times the root; a h, sum
    return 2 * (d * 2 * s + k * s + s * 2 * s + s * h), decay + state + 3 * s  # gelu, times h


def s4d(d: int, h: int, *, s: int) -> Count:
    pairs = d * s // 2
    state = pairs * (6 + 2 + 2)  # abar h, bbar u, their sum
    read = pairs * (6 + 2) + d  # C h, their sum, twice its real part
    return 2 * d * 2 * h, state + read + 2 * d + 2 * d + 2 * h  # + D u; gelu; gated linear unit


def s4(d: int, h: int, *, s: int) -> Count:
    pairs = d * s // 2
    explicit, driven = 6 + 4 + 2 * 2, 2 + 2  # (I + dt/2 L) h, P^* h, times P, subtracted; B u, added
    implicit, read = 6 + 4 + 2 * 2, 6 + 2  # R h, P^* R h, times R P, subtracted; C h
    numbers = d * 3  # twice the real part, thrice
    mix = 2 * d + 2 * d + 2 * h  # + D u; gelu; gated linear unit
    return 2 * d * 2 * h, pairs * (explicit + driven + implicit + read) + numbers + mix


def s5(d: int, h: int, *, p: int) -> Count:
    state = p * (6 + 6 + 2)  # abar h, bbar (B x), their sum
    return 2 * (d * 2 * p + 2 * p * h + d * h + h * h), state + 2 * h + 2 * h + 2 * h  # 2 Re, + D x; gelu; gate


def mamba(d: int, h: int, *, e: int, s: int, k: int, r: int) -> Count:
    products = d * 2 * e + k * e + e * (r + 2 * s) + r * e + e * h
    selected = e + 2 * e + 2 * e  # bias, silu; bias and softplus of dt
    state = 2 * e * s + e + e * s + 2 * e * s  # exp(dt A); dt u, times B; kept and added
    read = 2 * e * s + 2 * e + 3 * e  # h C; + D u; times silu(g)
    return 2 * products, selected + state + read


def mamba2(d: int, h: int, *, e: int, n: int, s: int, k: int) -> Count:
    w = e + 2 * s
    products = d * (e + w + n) + k * w + s * e + e * h  # in, convolved, h C, out
    state = 2 * n + e + e * s + 2 * e * s  # exp(dt A); dt u, times B; kept and added
    return 2 * products, w + 2 * w + 2 * n + state + 2 * e + 3 * e + 4 * e + 2  # silu; dt; + D u; times silu(z); norm


def gated_delta_net(d: int, h: int, *, n: int, e: int, k: int) -> Count:
    w, state = 2 * h + e, h * e // n
    products = d * (w + e + 2 * n) + k * w + 2 * state + e * h  # in, convolved, h^T k and h^T q, out
    gates = 2 * w + 2 * (3 * h + 2 * n) + 4 * n + n  # silu; lengths of q and k; a; b
    return 2 * products, gates + 3 * e + 3 * state + (4 * e + 2 * n) + 3 * e  # b (v - a .); written; norm; silu(z)


def mlstm(d: int, h: int, *, n: int) -> Count:
    state = h * h // n
    gates = h + h + n + 6 * n + n + h  # k, o, log f; m and its exponents; f; i k
    return 2 * (d * 4 * h + d * 2 * n + state), gates + 3 * state + 2 * h + 2 * h + 5 * n + 2 * h  # C; n; n . q; h


def rwkv(d: int, h: int, *, n: int, m: int, r: int) -> Count:
    products = d * 5 * m + 5 * m * d + 4 * d * h + d * r + r * h + h * h // n + h * h  # mixes; r k v g; d; read; out
    mixes = 3 * d + 5 * m + 5 * d + 10 * d + r + 3 * h  # base, tanh, lambda, m; tanh, log w
    state = h + 3 * h * h // n  # exp; written
    return 2 * products, mixes + state + 5 * h + 7 * h + 2 * h + 3 * h  # bonus; norm, weight, bias; silu(g)


def hyena(d: int, h: int, *, c: int, n: int) -> Count:
    return 2 * ((d + 3) * (n + 1) * h + n * c * h + h * h), (n + 1) * h + n * h  # bias; gates


def attention(d: int, h: int, *, n: int, c: int, positions: int) -> Count:
    return 2 * (3 * d * h + 2 * c * h + h * h), n * c * (1 + 3) + positions  # scale, softmax; a mask chooses


def temporal_block(d: int, h: int, *, k: int) -> Count:
    return 2 * (k * h * (d + h) + (d * h if d != h else 0)), 4 * h  # three relus and the residual sum


def window_mlp(d: int, h: int, *, k: int) -> Count:
    return 2 * (k * d * h + h * h), h


def echo_state(d: int, h: int, *, leaky: bool) -> Count:
    return 2 * h * (d + h), (5 if leaky else 2) * h


def ntm(d: int, h: int, *, n: int, w: int, readers: int, writers: int, lstm_controller: bool = False) -> Count:
    k, shifts = readers + writers, 3
    seen, said = d + readers * w, k * (w + 1 + 1 + shifts + 1) + writers * 2 * w
    controller, gates = (4 * h * (seen + h), 13 * h) if lstm_controller else (h * seen, h)
    memory = k * n * w + writers * n * w + readers * n * w  # key against slots, adding, reading
    squashed = said + k * w + k + k + 3 * shifts * k + 2 * k + 2 * writers * w  # clamp; key, beta, g, s, gamma; e, a
    content = 3 * k * w + 2 * k + 3 * n * w + 2 * n + k * n + 3 * k * n  # lengths, quotients; beta, softmax
    place = (3 * k * n + k) + 2 * shifts * k * n + (3 * k * n + 3 * k * n)  # gate; shift; power and norm
    written = 3 * writers * n * w + 2 * n * w
    return 2 * (controller + h * said + memory + h * (h + readers * w)), gates + squashed + content + place + written


def rotary(h: int, n: int) -> int:
    return 3 * h // (2 * n) + 6 * h  # angle, sine, cosine of a pair; queries and keys turned


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

CASES = [pytest.param(name, *case, id=f"{name}-{i}") for name, cases in HAND.items() for i, case in enumerate(cases)]


def make(name: str, options: dict[str, Any], d: int, h: int) -> SequenceLayer:
    entry = SEQUENCE_LAYERS[name]
    return make_layer(entry, {**options, "input_size": d, "hidden_size": h})


def sequence_products(layer: SequenceLayer, *, batch: int, length: int) -> int:
    """Operations in products of the fast path."""
    with product_counter() as counter, torch.no_grad():
        layer.requires_grad_(False)(example_input(layer, batch, length))
    return counter.get_total_flops()


def test_there_is_a_hand_count_of_every_entry():
    assert HAND.keys() == SEQUENCE_LAYERS.keys()


@pytest.mark.parametrize(("name", "options", "formula"), CASES)
def test_a_step_costs_what_the_equations_say(name, options, formula):
    for d, h in SIZES:
        assert step_flops(make(name, options, d, h)) == formula(d, h), f"D = {d}, H = {h}"


IN_BLOCKS = {"s4", "s4d", "mamba-2", "gated-delta-net", "mlstm", "rwkv", "hyena"} | {
    name for name in HAND if "attention" in name
}
"""Whose fast path has other products than the steps: of a block of time at once"""
IN_ONE = {"lmu", "clockwork"}
"""Whose fast path has one larger product in place of several"""


@pytest.mark.parametrize("name", sorted(HAND.keys() - IN_BLOCKS - IN_ONE))
def test_the_fast_path_computes_as_many_products_as_its_steps(name):
    """Also where a fused kernel runs, of which torch's own counter says 0."""
    layer = make(name, HAND[name][0][0], 5, 12)
    assert sequence_products(layer, batch=2, length=9) == 2 * 9 * step_flops(layer).products


def test_attention_over_a_sequence_computes_all_scores():
    d, h, length = 5, 12, 6
    layer = make("attention", HEADS, d, h)
    assert sequence_products(layer, batch=3, length=length) == 3 * 2 * (
        length * (3 * d * h + h * h) + 2 * length**2 * h
    )


def test_s4d_over_a_sequence_is_three_products_a_block():
    d, h, s, q = 5, 12, 6, 32
    layer = make("s4d", {"conjugate_pairs": s // 2}, d, h)
    block = d * (2 * q * s + q * q)  # into the state, out of it, within the block
    assert sequence_products(layer, batch=3, length=2 * q) == 3 * 2 * (2 * block + 2 * q * d * 2 * h)


def test_twice_the_batch_or_length_costs_twice_as_much():
    layer = make("lstm", {}, 5, 12)
    once = sequence_products(layer, batch=2, length=3)
    assert once > 0
    assert sequence_products(layer, batch=4, length=3) == 2 * once
    assert sequence_products(layer, batch=2, length=6) == 2 * once


def test_the_parts_of_a_stack_add_up_and_a_table_is_looked_up_for_nothing():
    parts = [make("gru", {}, 6, 8), make("mamba", {}, 8, 4)]
    counts = [step_flops(part) for part in parts]
    whole = step_flops(Stack([Embed(Tokens(100), width=6), *parts]))
    assert whole == (counts[0].products + counts[1].products, counts[0].elementwise + counts[1].elementwise)


@pytest.mark.parametrize(("norm", "operations"), [("layer", 7 * 6), ("rms", 4 * 6 + 2)])
def test_a_norm_costs_what_its_formula_says(norm, operations):
    inner = make("rnn", {}, 6, 8)
    assert step_flops(PreNorm(inner, norm=norm)).elementwise == step_flops(inner).elementwise + operations


def test_counting_leaves_the_layer_and_the_random_numbers_alone():
    layer = make("tcn", {"dropout": 0.5}, 3, 4).train()
    before = copy.deepcopy(layer.state_dict())
    torch.manual_seed(0)
    step_flops(layer)
    after = torch.rand(1)
    torch.manual_seed(0)
    assert torch.equal(after, torch.rand(1))
    assert layer.training
    assert all(p.requires_grad for p in layer.parameters())
    assert all(torch.equal(before[name], value) for name, value in layer.state_dict().items())


class Squares(SequenceLayer):
    """y = (x * decay)^2 with decay = exp(-rate): of the two products a number, one function of the parameters alone."""

    def __init__(self, *, input_size: int, hidden_size: int) -> None:
        super().__init__(Vectors(input_size), hidden_size)
        self.rate = nn.Parameter(torch.zeros(input_size))

    def initial_state(self, batch_size):
        return ()

    def step(self, x, state):
        return (x * (-self.rate).exp()).square(), state


def test_what_depends_on_parameters_alone_is_not_counted():
    assert step_flops(Squares(input_size=3, hidden_size=3)) == (0, 2 * 3)
