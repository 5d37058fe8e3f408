"""What stands behind a state-space model a channel: a skip, a nonlinearity, and a gated map that mixes the channels."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from statewise.layers.statespace.precision import upcast
from statewise.modules.linear import Linear
from statewise.ops.in_place import InPlace


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

    def in_place(self, stream: InPlace, s: Tensor) -> Tensor:
        """The same of a room ``s (B, D)``, which it writes to, and the stream's input."""
        stream.add_scaled(stream.x, self.skip, s)
        channels = stream.gelu(s)
        weights, biases = self.linear.weight.chunk(2), self.linear.bias.chunk(2)
        value, gate = (stream.affine(channels, w, b) for w, b in zip(weights, biases, strict=True))
        return stream.gated(value, gate)
