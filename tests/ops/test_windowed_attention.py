import math

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from statewise.contract.segments import append
from statewise.ops import windowed_attention as module
from statewise.ops.windowed_attention import windowed_attention

from .attended import COUNTS, HEADS, ROWS, WIDTH, cut, example, normal


def by_definition(q, keys, values, count, context, bias=None):
    """Query after query, over a list of the keys that it sees."""
    past = keys.shape[1] - q.shape[1]
    y = torch.empty(q.shape, dtype=q.dtype)
    for b in range(q.shape[0]):
        for t in range(q.shape[1]):
            first = max(t - context + 1, -min(past, int(count[b])))
            for n in range(q.shape[2]):
                places = range(past + first, past + t + 1)
                scores = [float(q[b, t, n] @ keys[b, s, n]) / math.sqrt(q.shape[3]) for s in places]
                if bias is not None:
                    scores = [score + float(bias[n, past + t - s]) for score, s in zip(scores, places, strict=True)]
                weights = [math.exp(score - max(scores)) for score in scores]
                terms = [w / sum(weights) * values[b, s, n] for w, s in zip(weights, places, strict=True)]
                y[b, t, n] = torch.stack(terms).sum(0)
    return y


@pytest.fixture(params=[2, module.BLOCK], ids=["small blocks", "blocks"])
def _block(request, monkeypatch):
    monkeypatch.setattr(module, "BLOCK", request.param)


@pytest.mark.usefixtures("_block")
@pytest.mark.parametrize("time", [0, 1, 2, 7])
@pytest.mark.parametrize("context", [1, 3, 5, 20])
@pytest.mark.parametrize("biased", [False, True])
def test_equals_the_equation_query_by_query(time, context, biased):
    bias = normal(HEADS, context, seed=4) if biased else None
    for past in {0, 2, context - 1}:
        arguments = (*example(time, past), COUNTS, context, bias)
        found = windowed_attention(*arguments)
        assert found.shape == (ROWS, time, HEADS, WIDTH)
        torch.testing.assert_close(found, by_definition(*arguments), rtol=1e-12, atol=1e-12)
        with module.FORMS.use("reference"):
            torch.testing.assert_close(windowed_attention(*arguments), found, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("time", "context", "past"), [(64, 9, 8), (64, 300, 0), (257, 100, 30), (257, 17, 16)])
def test_equals_the_equation_on_longer_sequences(time, context, past):
    arguments = [x[..., :1, :2] for x in example(time, past)]
    found = windowed_attention(*arguments, COUNTS, context)
    torch.testing.assert_close(found, by_definition(*arguments, COUNTS, context), rtol=1e-12, atol=1e-12)


@pytest.mark.usefixtures("_block")
@pytest.mark.parametrize(("time", "past"), [(0, 2), (1, 2), (7, 0), (7, 2)])
@pytest.mark.parametrize("biased", [False, True])
def test_gradients_to_queries_keys_values_and_bias(time, past, biased):
    arguments = [*example(time, past), *([normal(HEADS, 3, seed=4)] if biased else [])]

    def attend(q, keys, values, bias=None):
        return windowed_attention(q, keys, values, COUNTS, 3, bias)

    assert torch.autograd.gradcheck(attend, [x.requires_grad_() for x in arguments], fast_mode=True)


@pytest.mark.parametrize("sizes", [[1] * 40, [0, 7, 1, 30, 2], [40]])
@pytest.mark.parametrize("biased", [False, True])
def test_a_window_carried_from_chunk_to_chunk_gives_the_same_as_the_whole(sizes, biased):
    context = 6
    bias = normal(HEADS, context, seed=4) if biased else None
    q, k, v = example(40, 0)
    whole = windowed_attention(q, k, v, torch.zeros(ROWS, dtype=torch.int64), context, bias)
    keys = values = torch.zeros(ROWS, context - 1, HEADS, WIDTH, dtype=torch.float64)
    count, outputs = torch.zeros(ROWS, dtype=torch.int64), []
    for q_c, k_c, v_c in zip(q.split(sizes, 1), k.split(sizes, 1), v.split(sizes, 1), strict=True):
        seen = torch.cat([keys, k_c], dim=1), torch.cat([values, v_c], dim=1)
        outputs.append(windowed_attention(q_c, *seen, count, context, bias))
        keys, values, count = append(keys, k_c), append(values, v_c), count + k_c.shape[1]
    torch.testing.assert_close(torch.cat(outputs, dim=1), whole, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("time", "past"), [(1, 4), (7, 4), (7, 0)])
def test_strides_do_not_matter(time, past):
    arguments = example(time, past)
    strided = [torch.stack([x, x], dim=-1).transpose(0, 2).contiguous().transpose(0, 2)[..., 0] for x in arguments]
    found = windowed_attention(*strided, COUNTS, 5)
    torch.testing.assert_close(found, windowed_attention(*arguments, COUNTS, 5), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("past", [0, 7])
def test_long_sequences_cost_no_square(past):
    """No tensor in the work is larger than a block of queries against the keys that it sees."""
    largest = 0

    class Sizes(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            nonlocal largest
            out = func(*args, **(kwargs or {}))
            for x in out if isinstance(out, (tuple, list)) else (out,):
                largest = max(largest, x.numel()) if isinstance(x, torch.Tensor) else largest
            return out

    arguments = [x.float() for x in example(3000, past)]
    with Sizes(), torch.no_grad():
        windowed_attention(*arguments, COUNTS, 8)
    assert largest <= arguments[1].numel()


def as_rows(arguments, segments, context, bias=None):
    """Each segment as a row of its own: a row's first goes on from what it carries, the others begin anew."""
    q, keys, values = arguments
    past, y = keys.shape[1] - q.shape[1], torch.empty_like(q)
    for row, start, length in zip(
        segments.rows.tolist(), segments.starts.tolist(), segments.lengths.tolist(), strict=True
    ):
        begin, end = (past + start if start else 0), past + start + length
        parts = q[row, start : start + length], keys[row, begin:end], values[row, begin:end]
        count = COUNTS[row : row + 1] if start == 0 else torch.tensor([0])
        y[row, start : start + length] = windowed_attention(*(x[None] for x in parts), count, context, bias)[0]
    return y


@pytest.mark.usefixtures("_block")
@pytest.mark.parametrize("form", ["reference", "blocks"])
@pytest.mark.parametrize(("time", "past", "context"), [(9, 0, 20), (9, 3, 4), (9, 3, 1), (70, 4, 5)])
@pytest.mark.parametrize("biased", [False, True])
def test_segments_equal_rows_of_their_own(form, time, past, context, biased):
    leaves = [x.requires_grad_() for x in example(time, past)]
    bias = normal(HEADS, context, seed=4) if biased else None
    segments, weights = cut(time), normal(ROWS, time, HEADS, WIDTH, seed=5)
    with module.FORMS.use(form):
        found = windowed_attention(*leaves, COUNTS, context, bias, segments)
    expected = as_rows(leaves, segments, context, bias)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    gradients = [torch.autograd.grad((y * weights).sum(), leaves) for y in (found, expected)]
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_narrow_dtypes_stay_near_float64(dtype):
    arguments = example(70, 4)
    expected = windowed_attention(*arguments, COUNTS, 5)
    found = windowed_attention(*(x.to(dtype) for x in arguments), COUNTS, 5)
    assert found.dtype == dtype
    assert (found - expected).abs().max() < 8 * torch.finfo(dtype).eps


def test_a_step_exports_with_a_dynamic_batch():
    class Step(torch.nn.Module):
        def forward(self, q, keys, values, count, new):
            seen = torch.cat([keys, new], dim=1), torch.cat([values, new], dim=1)
            return windowed_attention(q, *seen, count, 5), append(keys, new)

    batch = torch.export.Dim("batch", min=1)
    window = normal(ROWS, 4, HEADS, WIDTH, seed=1)
    arguments = (normal(ROWS, 1, HEADS, WIDTH), window, 2 * window, COUNTS, normal(ROWS, 1, HEADS, WIDTH, seed=5))
    exported = torch.export.export(Step(), arguments, dynamic_shapes=({0: batch},) * 5).module()
    more = [torch.cat([x, x.flip(0)]) for x in arguments]
    for found, expected in zip(exported(*more), Step()(*more), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
