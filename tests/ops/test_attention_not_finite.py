"""Windowed attention to what is not finite, which must reach neither the past nor another segment."""

import pytest
import torch

from statewise.ops import windowed_attention as module
from statewise.ops.windowed_attention import windowed_attention

from .attended import COUNTS, HEADS, ROWS, cut, example, normal


@pytest.mark.parametrize("past", [0, 4])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e300])
@pytest.mark.parametrize("context", [5, 100])
def test_the_future_does_not_reach_the_past(past, value, context):
    q, k, v = example(80, past)
    before = windowed_attention(q, k, v, COUNTS, context)
    spoilt = [q.clone(), k.clone(), v.clone()]
    for x, start in zip(spoilt, (20, past + 20, past + 20), strict=True):
        x[1, start:] = value
    after = windowed_attention(*spoilt, COUNTS, context)
    assert torch.equal(after[:, :20], before[:, :20])
    assert torch.equal(after[[0, 2]], before[[0, 2]])


@pytest.mark.parametrize("past", [0, 4])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("context", [5, 100])
def test_nor_does_it_reach_the_gradients_of_the_past(past, value, context):
    q, k, v = example(80, past)
    leaves = [q.clone(), k.clone(), v.clone()]
    for x, start in zip(leaves, (20, past + 20, past + 20), strict=True):
        x[1, start:] = value
        x.requires_grad_()
    after = windowed_attention(*leaves, COUNTS, context)
    for gradient, start in zip(
        torch.autograd.grad(after[1, :20].sum(), leaves), (20, past + 20, past + 20), strict=True
    ):
        assert gradient[:, :start].isfinite().all()
        assert not gradient[:, start:].any()


@pytest.mark.parametrize("time", [1, 7])
@pytest.mark.parametrize("broken", ["q", "keys", "values"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_finite_spoils_the_outputs_that_see_it_and_no_others(time, broken, value):
    context, past, at = 3, 2, 1
    arguments = dict(zip(("q", "keys", "values"), example(time, past), strict=True))
    clean = windowed_attention(**arguments, count=torch.tensor([5, 5, 5]), context=context)
    place = at - 1 if broken == "q" else at  # in keys and values the last carried step
    arguments[broken] = arguments[broken].clone()
    arguments[broken][1, place, 0, :] = value
    found = windowed_attention(**arguments, count=torch.tensor([5, 5, 5]), context=context)
    spoilt = torch.zeros(ROWS, time, HEADS, dtype=torch.bool)
    spoilt[1, : 1 if broken == "q" else context - 1, 0] = True
    assert not found[spoilt].isfinite().all(-1).any()
    torch.testing.assert_close(found[~spoilt], clean[~spoilt], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("time", "past", "context"), [(80, 0, 100), (80, 0, 5), (80, 4, 5)])
@pytest.mark.parametrize("biased", [False, True])
def test_looking_for_what_is_not_finite_changes_nothing_where_all_is(monkeypatch, time, past, context, biased):
    bias = normal(HEADS, context, seed=4) if biased else None

    def run() -> tuple[torch.Tensor, ...]:
        leaves = [x.requires_grad_() for x in example(time, past)]
        y = windowed_attention(*leaves, COUNTS, context, bias)
        return (y, *torch.autograd.grad(y.square().sum(), leaves))

    trusting = run()
    monkeypatch.setattr(module, "_all_finite", lambda *_: False)
    for found, expected in zip(trusting, run(), strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=0)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_number_that_is_not_finite_is_never_overlooked(dtype, place):
    parts = [x.to(dtype) for x in example(7, 2)]
    assert module._all_finite(*parts)
    for value in (float("nan"), float("inf"), -float("inf")):
        spoilt = [x.clone() for x in parts]
        spoilt[place][1, 3, 0, 2] = value
        assert not module._all_finite(*spoilt)
    opposite = [x.clone() for x in parts]
    opposite[place][1, 3, 0, 2], opposite[place][2, 1, 1, 0] = float("inf"), -float("inf")
    assert not module._all_finite(*opposite)


def test_finite_numbers_whose_sum_overflows_are_attended_to_as_ever():
    q, k, v = example(7, 0)
    v = v.clone()
    v[0, 3, 0, 0] = v[1, 2, 0, 0] = 1e308
    assert not module._all_finite(q, k, v)
    found = windowed_attention(q, k, v / 1e8, COUNTS, 100)
    torch.testing.assert_close(windowed_attention(q, k, v, COUNTS, 100) / 1e8, found, rtol=1e-12, atol=1e-12)


@pytest.mark.filterwarnings("ignore:There is a performance drop")  # torch has no batched kernel and says so
def test_mapping_over_what_cannot_be_asked_for_its_value():
    parts = [torch.stack([x, x.flip(1)]) for x in example(7, 2)]
    mapped = torch.func.vmap(lambda q, k, v: windowed_attention(q, k, v, COUNTS, 3))(*parts)
    for found, q, k, v in zip(mapped, *parts, strict=True):
        torch.testing.assert_close(found, windowed_attention(q, k, v, COUNTS, 3), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("past", [0, 4])
def test_a_sequence_exports_with_its_guard(past):
    class Whole(torch.nn.Module):
        def forward(self, q, keys, values):
            return windowed_attention(q, keys, values, COUNTS, 5)

    arguments = example(7, past)
    exported = torch.export.export(Whole(), tuple(arguments)).module()
    arguments[2] = arguments[2].clone()
    arguments[2][1, past + 3] = float("nan")
    expected = windowed_attention(*arguments, COUNTS, 5)
    assert expected[1, 3:].isnan().all()
    torch.testing.assert_close(exported(*arguments), expected, rtol=1e-12, atol=1e-12, equal_nan=True)


@pytest.mark.parametrize("time", [1, 7, 70])
def test_what_stands_in_empty_places_is_not_looked_at(time):
    q, k, v = example(time, 4)
    clean = windowed_attention(q, k, v, COUNTS, 5)
    for x in (k, v):
        x[0, :4], x[1, :2] = float("nan"), float("inf")
    assert torch.equal(windowed_attention(q, k, v, COUNTS, 5), clean)


@pytest.mark.parametrize("broken", [1, 2])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_finite_ends_with_its_segment(broken, value):
    time, segments = 70, cut(70)
    clean = [x.requires_grad_() for x in example(time, 4)]
    spoilt = [x.detach().clone() for x in clean]
    spoilt[broken][1, 4 + time - 4] = value
    for x in spoilt:
        x.requires_grad_()
    before, after = (windowed_attention(*x, COUNTS, 50, None, segments) for x in (clean, spoilt))
    assert not after[1, time - 4 : time - 2].isfinite().any()
    assert torch.equal(after[1, time - 2 :], before[1, time - 2 :])
    for ours, theirs in zip(
        torch.autograd.grad(after[1, time - 2 :].sum(), spoilt),
        torch.autograd.grad(before[1, time - 2 :].sum(), clean),
        strict=True,
    ):
        assert torch.equal(ours, theirs)
