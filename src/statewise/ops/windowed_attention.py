"""Causal attention over a window of the last C steps that is carried from chunk to chunk.

Letters: B rows, T steps, C window length, N heads, d head width.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def windowed_attention(q: Tensor, keys: Tensor, values: Tensor, count: Tensor, context: int) -> Tensor:
    """y_t = sum_s softmax_s(q_t . k_s / sqrt(d)) v_s over the last ``context`` steps up to and including t.

    Args:
        q: ``(B, T, N, d)``, the last T of the steps that keys and values hold.
        keys: ``(B, P + T, N, d)``: P steps carried from before, then the T of this chunk.
        values: as ``keys``.
        count: ``(B,)`` how many of the P carried steps each row really has; they are its last ones.
        context: C, how many steps a query sees.

    Returns:
        ``(B, T, N, d)``. A key or value that is not a number counts as zero, so that it cannot reach the steps before
        it through a weight of zero; its own query makes its own output not a number.
    """
    time, past = q.shape[1], keys.shape[1] - q.shape[1]
    q, keys, values = (part.transpose(1, 2) for part in (q, _numbers(keys), _numbers(values)))
    if past == 0 and time <= context:
        return F.scaled_dot_product_attention(q, keys, values, is_causal=True).transpose(1, 2)
    block = max(context, 64)
    outputs = []
    for start in range(0, time, block):
        end = min(time, start + block)
        first = max(0, past + start - context + 1)
        mask = _mask(count, past, range(start, end), range(first, past + end), context)
        part = (slice(None), slice(None), slice(first, past + end))
        outputs.append(F.scaled_dot_product_attention(q[:, :, start:end], keys[part], values[part], attn_mask=mask))
    return torch.cat(outputs, dim=2).transpose(1, 2)


def attention_weights(q: Tensor, keys: Tensor, count: Tensor, context: int) -> Tensor:
    """The weights ``(B, N, T, P + T)`` of ``windowed_attention``, for looking at."""
    time, past = q.shape[1], keys.shape[1] - q.shape[1]
    scores = torch.einsum("btnd,bsnd->bnts", q, _numbers(keys)) / q.shape[-1] ** 0.5
    mask = _mask(count, past, range(time), range(past + time), context)
    return scores.masked_fill(~mask, float("-inf")).softmax(dim=-1)


def append(window: Tensor, new: Tensor) -> Tensor:
    """A time-ordered window ``(B, C, ...)`` with the steps ``new (B, T, ...)`` appended and the oldest dropped."""
    return torch.cat([window, new.to(window.dtype)], dim=1)[:, new.shape[1] :]


def _numbers(x: Tensor) -> Tensor:
    return torch.where(x.isnan(), torch.zeros_like(x), x)


def _mask(count: Tensor, past: int, queries: range, keys: range, context: int) -> Tensor:
    """``(B, 1, queries, keys)``: what each query sees. Key s is step s - past of this chunk."""
    t = torch.arange(queries.start, queries.stop, device=count.device).unsqueeze(1)
    s = torch.arange(keys.start, keys.stop, device=count.device).unsqueeze(0) - past
    seen = (s <= t) & (s > t - context)
    held = s >= -count.view(-1, 1, 1)
    return (seen & held).unsqueeze(1)
