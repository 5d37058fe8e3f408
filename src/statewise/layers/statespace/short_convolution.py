"""The short depthwise convolution over time that stands before a selective recurrence."""

import torch
from torch import Tensor, nn

from statewise.contract import Segments
from statewise.ops.causal_convolution import causal_convolution


class ShortConvolution(nn.Conv1d):
    """``y_t = bias + sum_k weight_k * x_{t - (K - 1 - k)}``, each channel for itself.

    Parameters are those of ``torch.nn.Conv1d``, ``weight (E, 1, K)`` and ``bias (E,)``.

    >>> convolution = ShortConvolution(8, 4)
    >>> y, tail = convolution.sequence(torch.zeros(2, 5, 8), torch.zeros(2, 3, 8))
    >>> y.shape, tail.shape
    (torch.Size([2, 5, 8]), torch.Size([2, 3, 8]))
    """

    def __init__(self, channels: int, kernel_size: int, *, bias: bool = True) -> None:
        super().__init__(channels, channels, kernel_size, groups=channels, bias=bias)

    @property
    def reach(self) -> int:
        """K - 1, how many inputs before its own a step sees: the length of the tail."""
        return self.kernel_size[0] - 1

    def step(self, x: Tensor, tail: Tensor) -> tuple[Tensor, Tensor]:
        """One step ``(B, E)`` after the inputs ``tail (B, K - 1, E)``: its output and the tail after it."""
        window = torch.cat([tail, x.unsqueeze(1)], dim=1)
        y = torch.einsum("bke,ek->be", window, self.weight.squeeze(1))
        return y if self.bias is None else y + self.bias, window[:, 1:]

    def sequence(self, x: Tensor, tail: Tensor, segments: Segments | None = None) -> tuple[Tensor, Tensor]:
        """All steps ``(B, T, E)``, equal and faster; tails are of segments, where there are some."""
        return causal_convolution(x, tail, self.weight, self.bias, segments, groups=self.in_channels)
