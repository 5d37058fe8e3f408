"""Causal convolutions that go on from a tail: the inputs of the steps before."""

import torch
import torch.nn.functional as F
from torch import Tensor


def causal_convolution(
    x: Tensor, tail: Tensor, weight: Tensor, bias: Tensor | None, *, dilation: int = 1, groups: int = 1
) -> tuple[Tensor, Tensor]:
    """y_t = bias + sum_k weight[:, :, k] x_{t - (K - 1 - k) dilation}, the steps before the first taken from ``tail``.

    Args:
        x: ``(B, T, D)``, any T.
        tail: ``(B, (K - 1) dilation, D)``: the inputs just before ``x``, zeros where there were none.
        weight: ``(D_out, D / groups, K)`` as of ``torch.nn.Conv1d``.
        bias: ``(D_out,)`` or ``None``.
        dilation: steps between two taps.
        groups: D for a depthwise convolution.

    Returns:
        ``(B, T, D_out)`` and the tail after ``x``.

    >>> y, tail = causal_convolution(torch.ones(1, 3, 1), torch.zeros(1, 1, 1), torch.ones(1, 1, 2), None)
    >>> y.flatten().tolist(), tail.shape
    ([1.0, 2.0, 2.0], torch.Size([1, 1, 1]))
    """
    extended = torch.cat([tail, x.to(tail.dtype)], dim=1)
    y = F.conv1d(extended.transpose(1, 2), weight, bias, dilation=dilation, groups=groups).transpose(1, 2)
    return y, extended[:, x.shape[1] :]


def causal_convolution_step(
    x: Tensor, tail: Tensor, weight: Tensor, bias: Tensor | None, *, dilation: int = 1, groups: int = 1
) -> tuple[Tensor, Tensor]:
    """One step of ``causal_convolution``: ``x (B, D)`` -> ``(B, D_out)`` and the new tail."""
    y, tail = causal_convolution(x.unsqueeze(1), tail, weight, bias, dilation=dilation, groups=groups)
    return y.squeeze(1), tail
