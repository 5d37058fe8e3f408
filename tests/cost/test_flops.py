"""Counted operations against formulas written by hand from each paper's equations, at sizes that differ."""

import copy
from typing import Any

import pytest
import torch
from torch import nn

from statewise.catalog import SEQUENCE_LAYERS
from statewise.combine.pointwise import Embed
from statewise.combine.residual import PreNorm
from statewise.combine.stack import Stack
from statewise.contract import SequenceLayer, Tokens, Vectors, example_input, weights_held
from statewise.cost.flops import product_counter, step_flops
from statewise.models.resolve import make_layer

from .hand_table import HAND, HEADS

SIZES = ((3, 4), (5, 12), (16, 8), (24, 40))
"""Input width D and width H: more than one unknown exponent can hide in"""

CASES = [pytest.param(name, *case, id=f"{name}-{i}") for name, cases in HAND.items() for i, case in enumerate(cases)]


def make(name: str, options: dict[str, Any], d: int, h: int) -> SequenceLayer:
    entry = SEQUENCE_LAYERS[name]
    return make_layer(entry, {**options, "input_size": d, "hidden_size": h})


def sequence_products(layer: SequenceLayer, *, batch: int, length: int) -> int:
    """Operations in products of the fast path, beside those that are worked out of the weights once a sequence."""
    layer, x = layer.requires_grad_(False), example_input(layer, batch, length)
    with torch.no_grad(), weights_held():
        layer(x)
        with product_counter() as counter:
            layer(x)
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
