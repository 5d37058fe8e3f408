"""What each kind of position does, against formulas written out here and against torch's own attention."""

import math

import pytest
import torch
from torch import Tensor

from statewise.layers.attention.positions import make_positions
from statewise.layers.attention.self_attention import SelfAttention

WIDTH, HEADS, TIME = 8, 2, 30


def make(positions: str, context_length: int) -> SelfAttention:
    torch.manual_seed(0)
    return SelfAttention(
        input_size=WIDTH, hidden_size=WIDTH, heads=HEADS, context_length=context_length, positions=positions
    ).double()


def random_input(time: int = TIME, seed: int = 1) -> Tensor:
    return torch.randn(2, time, WIDTH, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def with_positions_removed(layer: SelfAttention) -> SelfAttention:
    """The same layer reading its input as it is."""
    bare = make("none", layer.context_length)
    bare.project_in, bare.project_out = layer.project_in, layer.project_out
    return bare


def test_sinusoidal_adds_the_paper_s_waves_to_the_input():
    layer, x = make("sinusoidal", 10), random_input()
    half = WIDTH // 2
    waves = torch.tensor(
        [
            [wave(position / 10000 ** (2 * i / WIDTH)) for wave in (math.sin, math.cos) for i in range(half)]
            for position in range(TIME)
        ],
        dtype=torch.float64,
    )
    expected, _ = with_positions_removed(layer)(x + waves)
    torch.testing.assert_close(layer(x)[0], expected, rtol=0, atol=1e-12)


def test_learned_adds_a_row_of_its_table_and_begins_again_after_the_last():
    layer, x = make("learned", 10), random_input()
    table = layer.positions.table
    assert table.shape == (10, WIDTH)
    expected, _ = with_positions_removed(layer)(x + torch.cat([table, table, table]))
    torch.testing.assert_close(layer(x)[0], expected, rtol=0, atol=1e-12)


def test_alibi_lowers_scores_by_the_distance():
    layer, x = make("alibi", 7), random_input()
    d = WIDTH // HEADS
    q, k, v = (part.unflatten(-1, (HEADS, d)).transpose(1, 2) for part in layer.project_in(x).chunk(3, dim=-1))
    back = torch.arange(TIME).unsqueeze(1) - torch.arange(TIME)
    slopes = torch.tensor([1 / 16, 1 / 256], dtype=torch.float64).view(2, 1, 1)  # two heads: 2^-4 and 2^-8
    mask = torch.where((back >= 0) & (back < 7), -slopes * back, float("-inf"))
    y = (q @ k.transpose(2, 3) / math.sqrt(d) + mask).softmax(-1) @ v
    expected = layer.project_out(y.transpose(1, 2).flatten(2))
    torch.testing.assert_close(layer(x)[0], expected, rtol=0, atol=1e-12)


def test_rotary_turns_queries_and_keys_as_complex_numbers():
    layer, x = make("rotary", 7), random_input()
    d = WIDTH // HEADS
    q, k, v = (part.unflatten(-1, (HEADS, d)) for part in layer.project_in(x).chunk(3, dim=-1))
    angles = torch.arange(TIME).unsqueeze(1) * 10000.0 ** (-2 * torch.arange(d // 2, dtype=torch.float64) / d)
    turn = torch.polar(torch.ones_like(angles), angles).unsqueeze(1)
    q, k = (torch.complex(part[..., : d // 2], part[..., d // 2 :]) * turn for part in (q, k))
    scores = torch.einsum("btni,bsni->bnts", q, k.conj()).real / math.sqrt(d)
    back = torch.arange(TIME).unsqueeze(1) - torch.arange(TIME)
    weights = scores.masked_fill((back < 0) | (back >= 7), -math.inf).softmax(dim=-1)
    expected = layer.project_out(torch.einsum("bnts,bsnd->btnd", weights, v).flatten(2))
    torch.testing.assert_close(layer(x)[0], expected, rtol=0, atol=1e-12)


def moved_by_starting_later(kind: str) -> float:
    """How far the outputs of full windows move when 13 other steps stand before the sequence."""
    layer, x = make(kind, 6), random_input()
    y, _ = layer(x)
    later, _ = layer(torch.cat([random_input(time=13, seed=2), x], dim=1))
    return (later[:, 13 + 5 :] - y[:, 5:]).abs().max().item()


@pytest.mark.parametrize("kind", ["none", "rotary"])
def test_relative_positions_do_not_feel_how_long_ago_the_sequence_began(kind):
    assert moved_by_starting_later(kind) < 1e-12


@pytest.mark.parametrize("kind", ["sinusoidal", "learned"])
def test_absolute_positions_feel_how_long_ago_the_sequence_began(kind):
    assert moved_by_starting_later(kind) > 1e-4


def test_rotary_tells_apart_what_no_positions_cannot():
    """Two steps of the past changing places leave a later output as it was, unless keys know where they stand."""
    x = random_input(time=3)
    swapped = x[:, [1, 0, 2]]
    for kind, tells in (("none", False), ("rotary", True)):
        layer = make(kind, 6)
        gap = (layer(x)[0][:, 2] - layer(swapped)[0][:, 2]).abs().max().item()
        assert (gap > 1e-4) == tells, kind


@pytest.mark.parametrize("kind", ["sinusoidal", "rotary"])
def test_positions_a_million_steps_on_are_as_exact_as_the_first_in_float32(kind):
    layer, x = make(kind, 64), random_input(time=60)
    start = layer.initial_state(2)
    far = start._replace(steps=start.steps + 1_000_003)
    expected, _ = layer(x, far)
    y, _ = layer.float()(x.float(), far._replace(keys=far.keys.float(), values=far.values.float()))
    torch.testing.assert_close(y.double(), expected, rtol=0, atol=1e-5)


def test_kinds_without_parameters_have_none():
    for kind in ("none", "sinusoidal", "rotary", "alibi"):
        assert not list(make_positions(kind, width=4, length=5, heads=2).parameters())
