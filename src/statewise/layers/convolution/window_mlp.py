"""A multi-layer perceptron on the last few inputs: the simplest thing a recurrent model has to beat.

Bengio et al. 2003, "A neural probabilistic language model", eq. 1 (with relu for tanh and no direct connections):

    y_t = W_2 relu(W_1 [x_{t-K+1}; ...; x_t] + b_1) + b_2

Our K (``window``) is the paper's n - 1. Inputs before the first are zeros.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from statewise.contract import Segments, SequenceLayer, Vectors
from statewise.modules.linear import Linear
from statewise.ops.causal_convolution import causal_convolution


class WindowState(NamedTuple):
    """The inputs just before."""

    tail: Tensor
    """(B, K - 1, D)"""


class WindowMLP(SequenceLayer):
    """y_t = W_2 relu(W_1 [x_{t-K+1}; ...; x_t]).

    Args:
        input_size: D.
        hidden_size: H, inner and output width.
        window: K, how many inputs are looked at.

    Raises:
        ValueError: if the window is below 1.

    >>> y, state = WindowMLP(input_size=3, hidden_size=4, window=5)(torch.randn(2, 7, 3))
    >>> y.shape, state.tail.shape
    (torch.Size([2, 7, 4]), torch.Size([2, 4, 3]))
    """

    state_knob = "window"

    def __init__(self, *, input_size: int, hidden_size: int, window: int = 8) -> None:
        super().__init__(Vectors(input_size), hidden_size)
        if window < 1:
            raise ValueError(f"window must be at least 1, got {window}")
        self.input_size = input_size
        self.window = window
        self.hidden = nn.Conv1d(input_size, hidden_size, window)
        self.out = Linear(hidden_size, hidden_size)

    def initial_state(self, batch_size: int) -> WindowState:
        return WindowState(self.zeros(batch_size, self.window - 1, self.input_size))

    def step(self, x: Tensor, state: WindowState) -> tuple[Tensor, WindowState]:
        window = torch.cat([state.tail, x.unsqueeze(1)], dim=1)
        concatenated = window.transpose(1, 2).flatten(1)
        hidden = F.relu(F.linear(concatenated, self.hidden.weight.flatten(1), self.hidden.bias))
        return self.out(hidden), WindowState(window[:, 1:])

    def _segments(self, x: Tensor, state: WindowState, segments: Segments | None) -> tuple[Tensor, WindowState]:
        seen, tail = causal_convolution(x, state.tail, self.hidden.weight, self.hidden.bias, segments)
        return self.out(F.relu(seen)), WindowState(tail)
