"""Causal convolutions that go on from a tail: the inputs of the steps before.

    y_t = bias + sum_k weight_k x_{t - (K - 1 - k) dilation}

as in van den Oord et al. 2016 (WaveNet), section 2.1, with steps before the first taken from the tail. There are two
forms, chosen by T: a sequence is torch's convolution over tail and input; a single step is a product with its K taps,
which takes about half as long as a convolution does to set itself up.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def causal_convolution(
    x: Tensor, tail: Tensor, weight: Tensor, bias: Tensor | None, *, dilation: int = 1, groups: int = 1
) -> tuple[Tensor, Tensor]:
    """The convolution of a sequence or of any chunk of one.

    Args:
        x: ``(B, T, D)``, any T.
        tail: ``(B, (K - 1) dilation, D)``: the inputs just before ``x``, zeros where there were none.
        weight: ``(D_out, D / groups, K)`` as of ``torch.nn.Conv1d``.
        bias: ``(D_out,)`` or ``None``.
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
    time = x.shape[1]
    extended = torch.cat([tail, x.to(tail.dtype)], dim=1)
    if time == 0:
        y = extended.new_zeros(x.shape[0], 0, weight.shape[0])
    elif time == 1:
        y = _taps_product(extended[:, ::dilation], weight, bias, groups).unsqueeze(1)
    else:
        y = F.conv1d(extended.transpose(1, 2), weight, bias, dilation=dilation, groups=groups).transpose(1, 2)
    return y, extended[:, time:].clone()


def causal_convolution_step(
    x: Tensor, tail: Tensor, weight: Tensor, bias: Tensor | None, *, dilation: int = 1, groups: int = 1
) -> tuple[Tensor, Tensor]:
    """One step of ``causal_convolution``: ``x (B, D)`` -> ``(B, D_out)`` and the new tail."""
    y, tail = causal_convolution(x.unsqueeze(1), tail, weight, bias, dilation=dilation, groups=groups)
    return y.squeeze(1), tail


def _taps_product(taps: Tensor, weight: Tensor, bias: Tensor | None, groups: int) -> Tensor:
    """``taps (B, K, D)``, what stands under the filter at one step -> ``(B, D_out)``."""
    grouped = taps.unflatten(2, (groups, -1)).permute(0, 2, 3, 1).flatten(2)
    filters = weight.unflatten(0, (groups, -1)).flatten(2)
    if groups == 1:
        return F.linear(grouped.squeeze(1), filters.squeeze(0), bias)
    y = torch.einsum("bgi,goi->bgo", grouped, filters).flatten(1)
    return y if bias is None else y + bias
