"""IndRNN: a recurrent network whose units remember themselves alone.

Li, Li, Cook, Zhu, Gao 2018, "Independently recurrent neural network (IndRNN): building a longer and deeper RNN":

    h_t = f(W x_t + u * h_{t-1} + b),  y_t = h_t            eq. 2; elementwise u

The gradient of a unit over T steps is u^T where f is relu, so that |u| <= 2^(1/T) keeps it from exploding (section 3.1,
gamma = 2): ``longest_memory`` is that T. The paper clips u after each update; here it is clipped where it is read, and
the gradient passes.
"""

from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn

from statewise.contract import Segments, SequenceLayer, Stepper, Vectors, from_weights
from statewise.errors import choose
from statewise.layers.in_place_stepper import in_place_stepper
from statewise.modules.linear import Linear
from statewise.ops.cells.ind_rnn import ReluIndRNNCell, TanhIndRNNCell
from statewise.ops.elementwise_recurrence import elementwise_recurrence
from statewise.ops.in_place import InPlace

Activation = Literal["relu", "tanh"]
CELLS = {"relu": ReluIndRNNCell(), "tanh": TanhIndRNNCell()}
GAMMA = 2.0
"""How much a gradient may grow over the longest memory"""


class IndRNNState(NamedTuple):
    """What an IndRNN carries."""

    h: Tensor
    """(B, H)"""


class IndRNN(SequenceLayer):
    """h_t = f(W x_t + u * h_{t-1} + b).

    Args:
        input_size: D.
        hidden_size: H, width of state and output.
        activation: f.
        longest_memory: T in |u| <= 2^(1/T), in steps; ``None`` leaves u free. At the start u is uniform
            in [0, 2^(1/T)], or in [0, 1].

    Raises:
        ValueError: if the activation is unknown or the longest memory is no step.

    >>> y, state = IndRNN(input_size=3, hidden_size=4)(torch.randn(2, 7, 3))
    >>> y.shape, state.h.shape
    (torch.Size([2, 7, 4]), torch.Size([2, 4]))
    """

    undecayed = ("recurrent",)

    def __init__(
        self,
        *,
        input_size: int,
        hidden_size: int,
        activation: Activation = "relu",
        longest_memory: float | None = None,
    ) -> None:
        super().__init__(Vectors(input_size), hidden_size)
        self.activation = choose("activation", activation, get_args(Activation))
        if longest_memory is not None and longest_memory < 1:
            raise ValueError(f"the longest memory must be at least 1 step, got {longest_memory}")
        self.largest = None if longest_memory is None else GAMMA ** (1 / longest_memory)
        self.input = Linear(input_size, hidden_size)
        self.recurrent = nn.Parameter(torch.empty(hidden_size).uniform_(0, self.largest or 1.0))

    def initial_state(self, batch_size: int) -> IndRNNState:
        return IndRNNState(self.zeros(batch_size, self.output_size))

    def step(self, x: Tensor, state: IndRNNState) -> tuple[Tensor, IndRNNState]:
        a = self.input(x) + self._recurrent() * state.h
        h = a.relu() if self.activation == "relu" else a.tanh()
        return h, IndRNNState(h)

    def _segments(self, x: Tensor, state: IndRNNState, segments: Segments | None) -> tuple[Tensor, IndRNNState]:
        driven = self.input(x).unsqueeze(-2).to(state.h.dtype)
        y, h = elementwise_recurrence(
            CELLS[self.activation], driven, state.h, segments, weight=self._recurrent().unsqueeze(0)
        )
        return y, IndRNNState(h)

    def stepper(self, state: IndRNNState) -> Stepper:
        return in_place_stepper(self, state, self._in_place)

    def _in_place(self, stream: InPlace, state: IndRNNState) -> None:
        driven = stream.affine(stream.x, self.input.weight, self.input.bias).unsqueeze(1)
        weight = self._recurrent().unsqueeze(0)
        y, h = stream.elementwise(CELLS[self.activation], driven, state.h, weight=weight)
        stream.ready(y, lambda: [h])

    @from_weights
    def _recurrent(self) -> Tensor:
        """u ``(H,)`` inside its bounds."""
        if self.largest is None:
            return self.recurrent
        return self.recurrent + (self.recurrent.clamp(-self.largest, self.largest) - self.recurrent).detach()
