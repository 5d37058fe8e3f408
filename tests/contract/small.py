"""Layers of a few lines, and the sizes at which they are tried."""

import torch
from torch import nn

from statewise.contract import SequenceLayer, Tokens, Vectors

B, T, D, H = 5, 9, 3, 4


class Decay(SequenceLayer):
    """h_t = h_{t-1} / 2 + x_t"""

    def __init__(self, input_size: int = D) -> None:
        super().__init__(Vectors(input_size), output_size=input_size)

    def initial_state(self, batch_size):
        return self.zeros(batch_size, self.output_size)

    def step(self, x, state):
        h = state / 2 + x
        return h, h


class TimedDecay(SequenceLayer):
    """h_t = exp(-a elapsed_t) h_{t-1} + x_t"""

    reads_time = True

    def __init__(self, input_size: int = D) -> None:
        super().__init__(Vectors(input_size), output_size=input_size)
        self.rate = nn.Parameter(torch.linspace(0.5, 1.5, input_size))

    def initial_state(self, batch_size):
        return self.zeros(batch_size, self.output_size)

    def step(self, x, state):
        h = torch.exp(-self.rate * x.elapsed.unsqueeze(1)) * state + x.values
        return h, h


class Count(SequenceLayer):
    """How often token 1 was read."""

    def __init__(self) -> None:
        super().__init__(Tokens(4), output_size=1)

    def initial_state(self, batch_size):
        return torch.zeros(batch_size, 1, dtype=torch.int64)

    def step(self, x, state):
        state = state + (x == 1).unsqueeze(1)
        return state.double(), state
