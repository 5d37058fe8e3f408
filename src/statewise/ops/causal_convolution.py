"""Causal convolutions that go on from a tail: the inputs of the steps before.

    y_t = bias + sum_k weight_k x_{t - (K - 1 - k) dilation}

as in van den Oord et al. 2016 (WaveNet), section 2.1, with steps before the first taken from the tail. The fast form is
torch's convolution over tail and input. Where segments begin anew inside the rows, it is run on the rows as they lie,
and the few steps after each beginning, which saw what stands before it, are worked out again from the segment's tail.

Letters: B rows, S segments, T steps, D channels, K taps.
"""

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from statewise.contract.segments import Segments, append
from statewise.ops.forms import Forms


def causal_convolution(
    x: Tensor,
    tail: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    segments: Segments | None = None,
    *,
    dilation: int = 1,
    groups: int = 1,
) -> tuple[Tensor, Tensor]:
    """The convolution of a sequence or of any chunk of one.

    Args:
        x: ``(B, T, D)``, any T.
        tail: ``(B, (K - 1) dilation, D)``: the inputs just before ``x``, zeros where there were none.
        weight: ``(D_out, D / groups, K)`` as of ``torch.nn.Conv1d``.
        bias: ``(D_out,)`` or ``None``.
        segments: that begin anew, with nothing before them, inside the rows.
        dilation: steps between two taps.
        groups: D for a depthwise convolution.

    Returns:
        ``(B, T, D_out)`` and the tail after ``x``, in the tail's dtype.

    Raises:
        ValueError: if the tail's length is not ``(K - 1) dilation``.

    >>> y, tail = causal_convolution(torch.ones(1, 3, 1), torch.zeros(1, 1, 1), torch.ones(1, 1, 2), None)
    >>> y.flatten().tolist(), tail.shape
    ([1.0, 2.0, 2.0], torch.Size([1, 1, 1]))
    """
    reach = (weight.shape[2] - 1) * dilation
    if tail.shape[1] != reach:
        raise ValueError(f"{weight.shape[2]} taps {dilation} apart need a tail of {reach} steps, got {tail.shape[1]}")
    if segments is not None:
        convolve = partial(causal_convolution, weight=weight, bias=bias, dilation=dilation, groups=groups)
        return _of_segments(convolve, x.to(tail.dtype), tail, segments)
    extended = torch.cat([tail, x.to(tail.dtype)], dim=1)
    after = extended[:, x.shape[1] :].clone()
    if x.shape[1] == 0:
        return extended.new_zeros(x.shape[0], 0, weight.shape[0]), after
    return FORMS(extended, weight, bias, dilation, groups), after


def _of_segments(
    convolve: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]], x: Tensor, tail: Tensor, segments: Segments
) -> tuple[Tensor, Tensor]:
    """``convolve`` of whole rows, put right where a step sees what stands before its segment."""
    y, _ = convolve(x, tail)
    later = segments.starts.nonzero().squeeze(1)
    passed = torch.arange(min(tail.shape[1], int(segments.lengths.max())), device=x.device)
    rows, steps = segments.rows[later].unsqueeze(1), segments.starts[later].unsqueeze(1) + passed
    right, _ = convolve(x[rows, steps.clamp(max=segments.time - 1)], tail.new_zeros(len(later), *tail.shape[1:]))
    within = passed < segments.lengths[later].unsqueeze(1)
    y = y.contiguous().index_put_((rows.expand_as(steps)[within], steps[within]), right[within])
    return y, append(tail, x, segments)


def reference(extended: Tensor, weight: Tensor, bias: Tensor | None, dilation: int, groups: int) -> Tensor:
    """The equation, tap by tap, over tail and input: what every other form must equal."""
    taps = weight.shape[2]
    time = extended.shape[1] - (taps - 1) * dilation
    filters = weight.unflatten(0, (groups, -1))
    y = extended.new_zeros(()) if bias is None else bias
    for k in range(taps):
        x = extended[:, k * dilation : k * dilation + time].unflatten(2, (groups, -1))
        y = y + torch.einsum("btgi,goi->btgo", x, filters[..., k]).flatten(2)
    return y


def conv1d(extended: Tensor, weight: Tensor, bias: Tensor | None, dilation: int, groups: int) -> Tensor:
    """``torch.nn.functional.conv1d``."""
    return F.conv1d(extended.transpose(1, 2), weight, bias, dilation=dilation, groups=groups).transpose(1, 2)


def rule(extended: Tensor, weight: Tensor, bias: Tensor | None, dilation: int, groups: int) -> str:
    """Which form runs: torch's, on every device."""
    return "conv1d"


FORMS = Forms("causal_convolution", {"reference": reference, "conv1d": conv1d}, rule)
