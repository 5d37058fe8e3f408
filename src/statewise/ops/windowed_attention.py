"""Causal attention over a window of the last C steps that is carried from chunk to chunk.

    y_t = sum_{s = t-C+1..t} softmax_s(q_t . k_s / sqrt(d) + bias_{t-s}) v_s

Vaswani et al. 2017, eq. 1, with the carried window of Dai et al. 2019, section 3.2. There are two fast forms:

* ``causal``, for a chunk that starts its sequences and is no longer than the window: the plain causal kernel;
* ``blocks``, for anything: ``BLOCK`` queries against the keys that they see, which costs O(T (C + BLOCK)).

Where segments begin anew inside a row, the rows are attended to as they lie: a query sees nothing from before its own.

What is not finite must not reach the past through a weight or a gradient of zero (0 * NaN is NaN). Where queries stand
together and not everything is finite, it is therefore taken out before the products, and the outputs that saw it are
set to NaN.

Letters: B rows, T steps, P steps carried, C window length, N heads, d head width.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from statewise.contract.segments import Segments
from statewise.ops.forms import Forms
from statewise.ops.shapes import Shapes
from statewise.ops.transforms import has_tangents

BLOCK = 64
"""Queries a block: with fewer there are more calls, with more there are more scores outside the window."""

SHAPES = Shapes("windowed_attention", {"q": "B T N d", "keys": "B S N d", "values": "B S N v", "count": "B"})


def windowed_attention(
    q: Tensor,
    keys: Tensor,
    values: Tensor,
    count: Tensor,
    context: int,
    bias: Tensor | None = None,
    segments: Segments | None = None,
) -> Tensor:
    """The outputs of T queries, each over the last ``context`` steps up to and including its own.

    Args:
        q: ``(B, T, N, d)``, the last T of the steps that keys and values hold.
        keys: ``(B, P + T, N, d)``: P steps carried from before, then the T of this chunk.
        values: as ``keys``.
        count: ``(B,)`` how many steps each row has seen before this chunk; carried places from before its first step
            are empty, and what stands there is not looked at.
        context: C, how many steps a query sees.
        bias: ``(N, C)``: what is added to the score of a key that stands 0, 1, ... steps back.
        segments: that begin anew inside the rows, with an empty window; a row's first goes on from what it carries.

    Returns:
        ``(B, T, N, d)``. What a head makes of a key or value that is not finite is not finite either.

    >>> ones, values = torch.ones(1, 3, 1, 1), torch.tensor([2.0, 4.0, 6.0]).view(1, 3, 1, 1)
    >>> windowed_attention(ones, ones, values, torch.tensor([0]), context=2).flatten()
    tensor([2., 3., 5.])
    """
    if q.shape[1] == 0:
        return values[:, :0]
    SHAPES.check(q, keys, values, count, segments=segments)
    return FORMS(q, keys, values, _begun(count, segments), context, bias)


def reference(
    q: Tensor, keys: Tensor, values: Tensor, begun: Tensor, context: int, bias: Tensor | None = None
) -> Tensor:
    """The equation, step by step: what every other form must equal.

    ``begun (B, T)`` is the first step there is for a query, ``(B, 1)`` where that is one for all of a row; steps are
    counted from the chunk's first, so that those before it are negative.
    """
    past, outputs = keys.shape[1] - q.shape[1], []
    for t in range(past, keys.shape[1]):
        first = max(0, t - context + 1)
        here = torch.arange(first - past, t - past + 1, device=q.device)
        held = (here >= begun[:, min(t - past, begun.shape[1] - 1), None])[:, :, None, None]
        k, v = (torch.where(held, part[:, first : t + 1], 0.0) for part in (keys, values))
        scores = torch.einsum("bnd,bsnd->bsn", q[:, t - past], k) / q.shape[-1] ** 0.5
        if bias is not None:
            scores = scores + bias.T[: t - first + 1].flip(0)
        weights = scores.masked_fill(~held[..., 0], float("-inf")).softmax(dim=1)
        outputs.append(torch.einsum("bsn,bsnd->bnd", weights, v))
    return torch.stack(outputs, dim=1)


def causal(q: Tensor, keys: Tensor, values: Tensor, begun: Tensor, context: int, bias: Tensor | None = None) -> Tensor:
    """Where nothing is carried, no window ends, no row is cut and there is no bias."""
    return _despite_what_is_not_finite(_causal_kernel, q, keys, values, begun, context, bias)


def blocks(q: Tensor, keys: Tensor, values: Tensor, begun: Tensor, context: int, bias: Tensor | None = None) -> Tensor:
    """Block by block of queries."""
    return _despite_what_is_not_finite(_block_by_block, q, keys, values, begun, context, bias)


def rule(q: Tensor, keys: Tensor, values: Tensor, begun: Tensor, context: int, bias: Tensor | None = None) -> str:
    """Which form runs. Torch's kernels have no tangents."""
    if has_tangents():
        return "reference"
    fresh, uncut = keys.shape[1] == q.shape[1] <= context, begun.shape[1] == 1
    return "causal" if fresh and uncut and bias is None else "blocks"


FORMS = Forms("windowed_attention", {"reference": reference, "causal": causal, "blocks": blocks}, rule)


def _begun(count: Tensor, segments: Segments | None) -> Tensor:
    """The first step there is for each query, ``(B, T)``, or without segments ``(B, 1)`` for all queries of a row."""
    return -count.unsqueeze(1) if segments is None else segments.begun(count)


def _despite_what_is_not_finite(
    attend: Callable[..., Tensor],
    q: Tensor,
    keys: Tensor,
    values: Tensor,
    begun: Tensor,
    context: int,
    bias: Tensor | None,
) -> Tensor:
    """``attend`` on what is finite; NaN where something was seen that is not."""
    if _all_finite(q, keys, values):
        return attend(q, keys, values, begun, context, bias)
    broken = _not_finite(keys) | _not_finite(values)
    spoilt = _saw_any(broken, begun, q.shape[1], context) | _not_finite(q)
    y = attend(_finite(q), _finite(keys), _finite(values), begun, context, bias)
    return y + _nan_where(spoilt, y.dtype).unsqueeze(-1)


def _causal_kernel(q: Tensor, keys: Tensor, values: Tensor, begun: Tensor, context: int, bias: Tensor | None) -> Tensor:
    q, keys, values = (part.transpose(1, 2) for part in (q, keys, values))
    return F.scaled_dot_product_attention(q, keys, values, is_causal=True).transpose(1, 2)


def _block_by_block(
    q: Tensor, keys: Tensor, values: Tensor, begun: Tensor, context: int, bias: Tensor | None
) -> Tensor:
    time, past = q.shape[1], keys.shape[1] - q.shape[1]
    q, keys, values = (part.transpose(1, 2) for part in (q, keys, values))
    key_blocks, value_blocks = _split(keys, past), _split(values, past)
    outputs = []
    for number, queries in enumerate(q.split(BLOCK, dim=2)):
        start = number * BLOCK
        first = max(-past, start - context + 1) // BLOCK
        seen = slice(first + past // BLOCK + 1, number + past // BLOCK + 2)
        key_range = range(max(-past, first * BLOCK), min(time, start + BLOCK))
        mask = _mask(q, begun, range(start, min(time, start + BLOCK)), key_range, context, bias)
        outputs.append(
            F.scaled_dot_product_attention(
                queries, torch.cat(key_blocks[seen], dim=2), torch.cat(value_blocks[seen], dim=2), attn_mask=mask
            )
        )
    return torch.cat(outputs, dim=2).transpose(1, 2)


def _split(x: Tensor, past: int) -> tuple[Tensor, ...]:
    """``(B, N, P + T, D)`` cut where the blocks of queries are cut, first what is left over of the past.

    The gradient of a split is one concatenation; that of a slice a block would be a whole sequence of zeros a block.
    """
    left_over, time = past % BLOCK, x.shape[2] - past % BLOCK
    return x.split([left_over] + [min(BLOCK, time - start) for start in range(0, time, BLOCK)], dim=2)


def _mask(q: Tensor, begun: Tensor, queries: range, keys: range, context: int, bias: Tensor | None) -> Tensor:
    """What is added to the scores of these steps of the chunk, -inf where a query does not see a key.

    ``(B, 1, queries, keys)``, with a bias ``(B, N, queries, keys)``. Steps before the chunk are negative.
    """
    t = torch.arange(queries.start, queries.stop, device=q.device).unsqueeze(1)
    s = torch.arange(keys.start, keys.stop, device=q.device)
    back = t - s
    there = begun if begun.shape[1] == 1 else begun[:, queries.start : queries.stop]
    seen = (back >= 0) & (back < context) & (s >= there.unsqueeze(2))
    added = q.new_zeros(1, 1, 1) if bias is None else bias.to(q.dtype)[:, back.clamp(0, context - 1)]
    return added.masked_fill(~seen.unsqueeze(1), float("-inf"))


def _all_finite(q: Tensor, keys: Tensor, values: Tensor) -> bool:
    """Whether there is nothing to take out: where a number is not finite, neither is the sum.

    In doubt the answer is no, which costs time alone: for finite numbers whose sum overflows, and where no value can
    be asked for, as in ``torch.compile``, ``torch.export`` and ``torch.func.vmap``.
    """
    if torch.compiler.is_compiling():
        return False
    try:
        return math.isfinite(q.detach().sum() + keys.detach().sum() + values.detach().sum())
    except RuntimeError:
        return False


def _finite(x: Tensor) -> Tensor:
    return torch.nan_to_num(x, nan=0.0, posinf=0.0, neginf=0.0)


def _not_finite(x: Tensor) -> Tensor:
    """``(B, S, N)``: whether any of ``x (B, S, N, d)`` is not finite. Summing zeros is faster than ``any``."""
    return (x.detach() * 0).sum(dim=-1).isnan()


def _nan_where(chosen: Tensor, dtype: torch.dtype) -> Tensor:
    """Zeros of a dtype, NaN where ``chosen``."""
    return torch.zeros_like(chosen, dtype=dtype).masked_fill(chosen, float("nan"))


def _saw_any(marked: Tensor, begun: Tensor, time: int, context: int) -> Tensor:
    """``(B, T, N)``: whether what a step sees holds any place marked in ``(B, P + T, N)``."""
    past = marked.shape[1] - time
    total = F.pad(marked.cumsum(dim=1), (0, 0, 1, 0))
    end = torch.arange(past + 1, total.shape[1], device=marked.device)
    begin = torch.maximum((end - context).clamp(min=0), begun + past)
    return total[:, end] > total.gather(1, begin.unsqueeze(2).expand(-1, -1, marked.shape[2]))
