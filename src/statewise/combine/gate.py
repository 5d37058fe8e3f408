"""A gate: how much of one thing and how much of another, unit by unit."""

from torch import Tensor, nn

from statewise import probe
from statewise.modules.linear import Linear


class Gate(nn.Module):
    """g = sigmoid(W x + b), every g in (0, 1); recorded as ``write_gate``: at 1 all of the new passes.

    Args:
        input_size: width of x.
        output_size: width of g.
        bias: what b begins with; below 0 the gate begins nearly shut.

    >>> import torch
    >>> Gate(3, 4, bias=-2.0)(torch.zeros(1, 3))
    tensor([[0.1192, 0.1192, 0.1192, 0.1192]], grad_fn=<SigmoidBackward0>)
    """

    def __init__(self, input_size: int, output_size: int, *, bias: float = 0.0) -> None:
        super().__init__()
        self.map = Linear(input_size, output_size)
        nn.init.constant_(self.map.bias, bias)

    def forward(self, x: Tensor) -> Tensor:
        """The gate ``(..., output_size)`` for one step ``(B, D)`` or many ``(B, T, D)``."""
        g = self.map(x).sigmoid()
        probe.record(self, "write_gate", g)
        return g
