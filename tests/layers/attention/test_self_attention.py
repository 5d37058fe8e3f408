"""Causal attention on a carried window, against torch's own attention and closed forms."""

from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from statewise import laws, probe, tree
from statewise.layers.attention.self_attention import SelfAttention
from statewise.ops import windowed_attention as op

TIME = 150
"""Longer than a block of the fast path."""

KINDS = ("none", "sinusoidal", "learned", "rotary", "alibi")


def make(
    positions: str = "none", context_length: int = 20, *, input_size: int = 6, hidden_size: int = 6, heads: int = 3
):
    torch.manual_seed(0)
    layer = SelfAttention(
        input_size=input_size,
        hidden_size=hidden_size,
        heads=heads,
        context_length=context_length,
        positions=positions,
    )
    return layer.double()


def random_input(batch: int = 2, time: int = TIME, size: int = 6, seed: int = 1) -> Tensor:
    return torch.randn(batch, time, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def torchs_attention(layer: SelfAttention) -> nn.MultiheadAttention:
    """torch's attention with the layer's very parameters."""
    other = nn.MultiheadAttention(layer.output_size, layer.heads, bias=False, batch_first=True).double()
    other.in_proj_weight = layer.project_in.weight
    other.out_proj.weight = layer.project_out.weight
    return other


def hidden_from(time: int, context_length: int) -> Tensor:
    """True where a query (row) must not see a key (column)."""
    everything = torch.ones(time, time, dtype=torch.bool)
    return ~(everything.tril() & everything.triu(1 - context_length))


@pytest.mark.parametrize("positions", KINDS)
@pytest.mark.parametrize("context_length", [1, 2, 5, 12])
def test_keeps_the_laws(positions, context_length):
    layer = SelfAttention(input_size=3, hidden_size=4, heads=2, context_length=context_length, positions=positions)
    laws.check(layer)


@pytest.mark.parametrize("positions", KINDS)
def test_keeps_the_laws_also_where_it_looks_for_what_is_not_finite(monkeypatch, positions):
    monkeypatch.setattr(op, "_all_finite", lambda *_: False)
    laws.check(SelfAttention(input_size=3, hidden_size=4, heads=2, context_length=5, positions=positions))


@pytest.mark.parametrize("context_length", [1, 7, 64, 65, TIME, TIME + 1])
def test_equals_torchs_multihead_attention_with_gradients(context_length):
    layer, x = make(context_length=context_length), random_input().requires_grad_()
    expected, _ = torchs_attention(layer)(x, x, x, attn_mask=hidden_from(TIME, context_length), need_weights=False)
    y, _ = layer(x)
    torch.testing.assert_close(y, expected, rtol=0, atol=1e-12)
    leaves = [x, *layer.parameters()]
    cotangent = random_input(seed=2)
    for ours, theirs in zip(
        torch.autograd.grad(y, leaves, cotangent), torch.autograd.grad(expected, leaves, cotangent), strict=True
    ):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-11)


@pytest.mark.parametrize("positions", KINDS)
def test_any_chunks_equal_the_whole_over_many_blocks(positions):
    layer, x = make(positions, context_length=70), random_input()
    whole, whole_state = layer(x)
    state, parts = None, []
    for part in x.split([1, 30, 0, 66, 2, 51], dim=1):
        y, state = layer(part, state)
        parts.append(y)
    torch.testing.assert_close(torch.cat(parts, dim=1), whole, rtol=0, atol=1e-12)
    for leaf, expected in zip(tree.leaves(state), tree.leaves(whole_state), strict=True):
        torch.testing.assert_close(leaf, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("positions", KINDS)
def test_rows_of_different_age_go_on_side_by_side(positions):
    layer, x = make(positions), random_input(batch=3)
    alone = [layer(x[row : row + 1, :age])[1] for row, age in enumerate((0, 3, 50))]
    later = random_input(batch=3, seed=2)
    y, _ = layer(later, tree.cat(alone))
    for row, state in enumerate(alone):
        torch.testing.assert_close(y[row : row + 1], layer(later[row : row + 1], state)[0], rtol=0, atol=1e-12)


def test_a_window_of_one_step_is_two_products():
    layer, x = make(context_length=1), random_input()
    values = layer.project_in(x).chunk(3, dim=-1)[2]
    torch.testing.assert_close(layer(x)[0], layer.project_out(values), rtol=0, atol=1e-12)


@pytest.mark.parametrize("context_length", [20, TIME])
def test_a_step_that_is_not_a_number_is_seen_from_its_window_alone(context_length):
    layer, x = make(context_length=context_length), random_input()
    clean, _ = layer(x)
    poisoned = x.clone()
    poisoned[0, 100, 2] = float("nan")
    y, _ = layer(poisoned)
    assert y[0, 100 : 100 + context_length].isnan().all()
    unseen = torch.ones(2, TIME, dtype=torch.bool)
    unseen[0, 100 : 100 + context_length] = False
    torch.testing.assert_close(y[unseen], clean[unseen], rtol=0, atol=0)


def test_a_fresh_whole_sequence_is_one_causal_kernel(monkeypatch):
    calls = []

    def watched(*arguments, **options):
        calls.append((arguments, options))
        return real(*arguments, **options)

    real = F.scaled_dot_product_attention
    monkeypatch.setattr(F, "scaled_dot_product_attention", watched)
    make("rotary", context_length=TIME)(random_input())
    assert [options for _, options in calls] == [{"is_causal": True}]


def test_the_window_costs_what_it_says_and_no_more():
    layer = make("rotary", context_length=20).float()
    _, state = layer(random_input().float())
    assert tree.nbytes(state) == 2 * (2 * 19 * 6 * 4 + 8)
    for leaf in tree.leaves(state):
        assert leaf.untyped_storage().nbytes() == leaf.numel() * leaf.element_size()


def test_recorded_weights_are_those_of_the_output():
    layer, x = make(context_length=20), random_input(time=30)
    first, second = x.split([12, 18], dim=1)
    _, state = layer(first)
    with probe.recording(layer) as seen:
        y, _ = layer(second, state)
    weights = seen[""]["attention"]
    assert weights.shape == (2, 18, 3, 20)
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(2, 18, 3, dtype=torch.float64))
    assert (weights[:, 0, :, : 20 - 13] == 0).all()
    values = layer.project_in(x).chunk(3, dim=-1)[2].unflatten(-1, (3, 2))
    windows = torch.nn.functional.pad(values, (0, 0, 0, 0, 19, 0)).unfold(1, 20, 1)[:, 12:]
    mixed = torch.einsum("btnc,btndc->btnd", weights, windows).flatten(2)
    torch.testing.assert_close(layer.project_out(mixed), y, rtol=0, atol=1e-12)


def test_an_empty_batch_goes_through():
    layer = make("rotary")
    y, state = layer(random_input(batch=0))
    assert y.shape == (0, TIME, 6)
    assert state.keys.shape == (0, 19, 6)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"heads": 3}, "heads must divide the width, got 3 heads and width 4"),
        ({"heads": 0}, "heads must divide the width, got 0 heads and width 4"),
        ({"heads": 4, "positions": "rotary"}, "rotary positions need an even head width, got 1"),
        ({"heads": 2, "context_length": 0}, "context_length must be at least 1, got 0"),
        ({"heads": 2, "positions": "rotery"}, "unknown positions 'rotery'; did you mean 'rotary'"),
    ],
)
def test_wrong_arguments_are_refused_with_a_sentence(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        SelfAttention(input_size=3, hidden_size=4, **options)


@pytest.mark.parametrize("positions", KINDS)
@pytest.mark.parametrize("warm", [False, True])
def test_segments_equal_rows_of_their_own(positions, warm):
    layer = make(positions, 5)
    x, reset = random_input(time=9), torch.zeros(2, 9, dtype=torch.bool)
    reset[0, 4] = reset[0, 5] = reset[1, 7] = True
    _, state = layer(random_input(2, 3 if warm else 0, seed=2))
    y, after = layer(x, state, reset=reset)
    for row, cuts in enumerate([(0, 4, 5, 9), (0, 7, 9)]):
        own = tree.take(state, torch.tensor([row]))
        for start, end in pairwise(cuts):
            expected, own = layer(x[row : row + 1, start:end], own if start == 0 else layer.initial_state(1))
            torch.testing.assert_close(y[row : row + 1, start:end], expected)
        torch.testing.assert_close(tree.take(after, torch.tensor([row])), own)
