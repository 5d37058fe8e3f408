"""A layer without memory: what controls a memory outside it, and what every memory has to beat.

    y_t = tanh(W x_t + b)

The feed-forward controller of Graves, Wayne & Danihelka 2014, section 3.3.3.
"""

from torch import Tensor, nn

from statewise.contract import Segments, SequenceLayer, Vectors
from statewise.tree import State


class Feedforward(SequenceLayer):
    """y_t = tanh(W x_t + b). Its state is ``()``.

    Args:
        input_size: D.
        hidden_size: H, width of the output.

    >>> import torch
    >>> y, state = Feedforward(input_size=3, hidden_size=4)(torch.randn(2, 7, 3))
    >>> y.shape, state
    (torch.Size([2, 7, 4]), ())
    """

    def __init__(self, *, input_size: int, hidden_size: int) -> None:
        super().__init__(Vectors(input_size), hidden_size)
        self.linear = nn.Linear(input_size, hidden_size)

    def initial_state(self, batch_size: int) -> State:
        return ()

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        return self.linear(x).tanh(), state

    def _segments(self, x: Tensor, state: State, segments: Segments | None) -> tuple[Tensor, State]:
        return self.linear(x).tanh(), state
