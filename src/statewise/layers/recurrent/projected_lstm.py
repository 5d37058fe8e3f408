"""LSTM with a projection: a wide memory behind a narrow output.

Sak, Senior & Beaufays 2014, "Long short-term memory recurrent neural network architectures for large scale acoustic
modeling", eq. 7-13 without peepholes:

    i_t, f_t, o_t = sigmoid(W x_t + U h_{t-1} + b)
    g_t           = tanh(W_g x_t + U_g h_{t-1} + b_g)
    c_t           = f_t * c_{t-1} + i_t * g_t            C wide
    h_t           = P (o_t * tanh(c_t)),  y_t = h_t      H wide

The paper writes m for o * tanh(c), r for h and W_rm for P. Parameters are named and laid out as those of
``torch.nn.LSTM(D, C, proj_size=H)``: W = ``weight_ih_l0`` (4 C, D), U = ``weight_hh_l0`` (4 C, H), two biases that add
up, P = ``weight_hr_l0`` (H, C), gates in the order i, f, g, o.
"""

from types import MappingProxyType
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from statewise import probe
from statewise.contract import Segments, SequenceLayer, Stepper, Vectors
from statewise.init.matrices import uniform_
from statewise.init.time_scales import forget_and_input_biases, start_gates_
from statewise.layers.recurrence_stepper import recurrence_stepper
from statewise.ops.chained_recurrence import chained_recurrence
from statewise.ops.chains.projected_lstm import ProjectedLSTMGates
from statewise.ops.linear import linear
from statewise.ops.streams.chained import chained_stepping
from statewise.ops.streams.stepping import Stepping

WIDER = 2
"""How much wider than the output the memory is where nothing is said"""


class ProjectedLSTMState(NamedTuple):
    """What a projected LSTM carries."""

    h: Tensor
    """(B, H): the output of the step before"""
    c: Tensor
    """(B, C): the memory"""


class ProjectedLSTM(SequenceLayer):
    """h_t = P (o_t * tanh(c_t)).

    Args:
        input_size: D.
        hidden_size: H, width of the output and of what is fed back.
        memory_size: C, width of the memory; ``None`` is twice the hidden size.
        forget_bias: of the forget gate at the start, both bias vectors together; ``None`` leaves what is drawn.
        longest_memory: in its place, memories of 2 to so many steps (Tallec & Ollivier 2018), as those of the LSTM.

    Raises:
        ValueError: if both are given.

    >>> y, state = ProjectedLSTM(input_size=3, hidden_size=4, memory_size=6)(torch.randn(2, 7, 3))
    >>> y.shape, state.c.shape
    (torch.Size([2, 7, 4]), torch.Size([2, 6]))
    """

    recurrent_weights = MappingProxyType({"weight_hh_l0": 4})

    def __init__(
        self,
        *,
        input_size: int,
        hidden_size: int,
        memory_size: int | None = None,
        forget_bias: float | None = 1.0,
        longest_memory: int | None = None,
    ) -> None:
        super().__init__(Vectors(input_size), hidden_size)
        self.memory_size = WIDER * hidden_size if memory_size is None else memory_size
        wide = self.memory_size
        self.weight_ih_l0 = nn.Parameter(uniform_(torch.empty(4 * wide, input_size), wide))
        self.weight_hh_l0 = nn.Parameter(uniform_(torch.empty(4 * wide, hidden_size), wide))
        self.bias_ih_l0 = nn.Parameter(uniform_(torch.empty(4 * wide), wide))
        self.bias_hh_l0 = nn.Parameter(uniform_(torch.empty(4 * wide), wide))
        self.weight_hr_l0 = nn.Parameter(uniform_(torch.empty(hidden_size, wide), wide))
        forget, write = forget_and_input_biases(wide, forget_bias, longest_memory)
        start_gates_(self.bias_ih_l0, {0: write, 1: forget}, second=self.bias_hh_l0)

    def initial_state(self, batch_size: int) -> ProjectedLSTMState:
        return ProjectedLSTMState(self.zeros(batch_size, self.output_size), self.zeros(batch_size, self.memory_size))

    def step(self, x: Tensor, state: ProjectedLSTMState) -> tuple[Tensor, ProjectedLSTMState]:
        driven = F.linear(x, self.weight_ih_l0, self.bias_ih_l0)
        i, f, g, o = (driven + F.linear(state.h, self.weight_hh_l0, self.bias_hh_l0)).chunk(4, dim=-1)
        i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
        probe.record(self, "input_gate", i)
        probe.record(self, "forget_gate", f)
        probe.record(self, "output_gate", o)
        c = f * state.c + i * g
        h = F.linear(o * c.tanh(), self.weight_hr_l0)
        return h, ProjectedLSTMState(h, c)

    def _segments(
        self, x: Tensor, state: ProjectedLSTMState, segments: Segments | None
    ) -> tuple[Tensor, ProjectedLSTMState]:
        driven = linear(x.transpose(0, 1), self.weight_ih_l0, self.bias_ih_l0 + self.bias_hh_l0)
        weights = self.weight_hh_l0, self.weight_hr_l0
        y, c = chained_recurrence(ProjectedLSTMGates(), driven, weights, state.h, state.c, segments=segments)
        return y.transpose(0, 1), ProjectedLSTMState(y[-1].clone(), c)

    def stepper(self, state: ProjectedLSTMState) -> Stepper:
        return recurrence_stepper(self, state, self._in_place)

    def _in_place(self, state: ProjectedLSTMState) -> Stepping:
        inputs = self.weight_ih_l0, self.bias_ih_l0 + self.bias_hh_l0
        weights = self.weight_hh_l0, self.weight_hr_l0
        return chained_stepping(ProjectedLSTMGates(), inputs, weights, state.h, state.c)
