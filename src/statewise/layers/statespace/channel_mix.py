"""What stands behind a state-space model a channel: a skip, a nonlinearity, and a gated map that mixes the channels."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from statewise.layers.statespace.precision import upcast
from statewise.modules.linear import Linear


class ChannelMix(nn.Module):
    """``GLU(W gelu(s + D * x) + b)`` over the channels, as in the authors' code of S4 and S4D.

    >>> ChannelMix(3, 4)(torch.zeros(2, 5, 3), torch.zeros(2, 5, 3)).shape
    torch.Size([2, 5, 4])
    """

    def __init__(self, channels: int, hidden_size: int) -> None:
        super().__init__()
        self.skip = nn.Parameter(torch.randn(channels))
        self.linear = Linear(channels, 2 * hidden_size)

    def forward(self, s: Tensor, x: Tensor) -> Tensor:
        """``(..., H)`` from what the channels say, at least float32, and the input they had."""
        channels = s + upcast(self.skip) * upcast(x)
        return F.glu(self.linear(F.gelu(channels).to(x.dtype)), dim=-1)
