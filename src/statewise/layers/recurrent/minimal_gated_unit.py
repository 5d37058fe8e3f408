"""Minimal gated unit: a GRU whose reset and update gate are one.

Zhou, Wu, Zhang & Zhou 2016, "Minimal gated unit for recurrent neural networks", eq. 5-7:

    f_t = sigmoid(W_f x_t + b_f + U_f h_{t-1})            how much is written, so "write_gate" to a probe
    n_t = tanh(W_n x_t + b_n + U_n (f_t * h_{t-1}))
    h_t = (1 - f_t) * h_{t-1} + f_t * n_t,  y_t = h_t

The paper calls f the forget gate and writes h~ for n.
"""

from types import MappingProxyType
from typing import NamedTuple

from torch import Tensor, nn

from statewise import probe
from statewise.contract import Segments, SequenceLayer, Stepper, Vectors
from statewise.init.matrices import Recurrent, recurrent_, uniform_
from statewise.init.time_scales import keep_biases, start_gates_
from statewise.layers.recurrence_stepper import recurrence_stepper
from statewise.modules.linear import Linear
from statewise.ops.chained_recurrence import chained_recurrence
from statewise.ops.chains.minimal_gated_unit import MinimalGatedUnitGates
from statewise.ops.streams.chained import chained_stepping
from statewise.ops.streams.stepping import Stepping


class MinimalGatedUnitState(NamedTuple):
    """What a minimal gated unit carries."""

    h: Tensor
    """(B, H)"""


class MinimalGatedUnit(SequenceLayer):
    """h_t = (1 - f_t) * h_{t-1} + f_t * n_t: two thirds of a GRU's weights.

    Args:
        input_size: D.
        hidden_size: H, width of state and output.
        write_bias: b_f at the start; below 0 the unit keeps more.
        longest_memory: where given, log u is taken off it, u uniform in [1, longest_memory - 1], so that units
            remember for 2 to so many steps (Tallec & Ollivier 2018).
        initialization: U_f and U_n at the start.

    Raises:
        ValueError: if the initialisation is unknown.

    >>> import torch
    >>> y, state = MinimalGatedUnit(input_size=3, hidden_size=4)(torch.randn(2, 7, 3))
    >>> y.shape, state.h.shape
    (torch.Size([2, 7, 4]), torch.Size([2, 4]))
    """

    recurrent_weights = MappingProxyType({"write.weight": 1, "new.weight": 1})

    def __init__(
        self,
        *,
        input_size: int,
        hidden_size: int,
        write_bias: float = 0.0,
        longest_memory: int | None = None,
        initialization: Recurrent = "orthogonal",
    ) -> None:
        super().__init__(Vectors(input_size), hidden_size)
        self.input = Linear(input_size, 2 * hidden_size)
        self.write = nn.Linear(hidden_size, hidden_size, bias=False)
        self.new = nn.Linear(hidden_size, hidden_size, bias=False)
        for parameter in self.input.parameters():
            uniform_(parameter, hidden_size)
        for product in (self.write, self.new):
            recurrent_(product.weight, initialization)
        start_gates_(self.input.bias, {0: -keep_biases(hidden_size, -write_bias, longest_memory)})

    def initial_state(self, batch_size: int) -> MinimalGatedUnitState:
        return MinimalGatedUnitState(self.zeros(batch_size, self.output_size))

    def step(self, x: Tensor, state: MinimalGatedUnitState) -> tuple[Tensor, MinimalGatedUnitState]:
        input_f, input_n = self.input(x).chunk(2, dim=-1)
        f = (input_f + self.write(state.h)).sigmoid()
        n = (input_n + self.new(f * state.h)).tanh()
        probe.record(self, "write_gate", f)
        h = (1 - f) * state.h + f * n
        return h, MinimalGatedUnitState(h)

    def _segments(
        self, x: Tensor, state: MinimalGatedUnitState, segments: Segments | None
    ) -> tuple[Tensor, MinimalGatedUnitState]:
        driven, weights = self.input(x.transpose(0, 1)), (self.write.weight, self.new.weight)
        y, _ = chained_recurrence(MinimalGatedUnitGates(), driven, weights, state.h, segments=segments)
        return y.transpose(0, 1), MinimalGatedUnitState(y[-1].clone())

    def stepper(self, state: MinimalGatedUnitState) -> Stepper:
        return recurrence_stepper(self, state, self._in_place)

    def _in_place(self, state: MinimalGatedUnitState) -> Stepping:
        inputs, weights = (self.input.weight, self.input.bias), (self.write.weight, self.new.weight)
        return chained_stepping(MinimalGatedUnitGates(), inputs, weights, state.h)
