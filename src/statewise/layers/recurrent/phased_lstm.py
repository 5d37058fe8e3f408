"""Phased LSTM: an LSTM whose units are open now and then, each by a clock of its own; for irregular time stamps.

Neil, Pfeiffer & Liu 2016, "Phased LSTM: Accelerating Recurrent Network Training for Long or Event-based Sequences",
eq. 6 to 11, t the time since the row began:

    phi = ((t - s) mod tau) / tau                             where a unit's clock stands, in [0, 1)
    k   = 2 phi / r      where phi < r / 2                    opening
          2 - 2 phi / r  where r / 2 <= phi < r               closing
          alpha phi      where r <= phi                       closed, but for a leak that lets gradients through
    c~  = f * c_{t-1} + i * g,   h~ = o * tanh(c~)            an LSTM with peepholes from c_{t-1} to i, f, from c~ to o
    c_t = k * c~ + (1 - k) * c_{t-1}
    h_t = k * h~ + (1 - k) * h_{t-1},  y_t = h_t

Our r is the paper's r_on. tau and r are learnt by their logarithms, s as it is. The leak is at work in training and
evaluation alike, as TensorFlow's ``PhasedLSTMCell`` has it; in the authors' program a closed unit leaks in training
alone. Periods start between 1 and 1000 as TensorFlow's do, in the authors' frequency task between e and e^3. Their
program adds s to t. Gates are in torch.nn's order i, f, g, o; peepholes start at 0, and TensorFlow's has none.

A closed unit does not hear what comes in. The paper's tasks are answered once, at the end; where every step is to be
answered from what stands there, as in forecasting the next row, next to no unit is open at r = 0.05. So the catalog's
entry starts with r = 1/2 and leads the input around the layer by a residual block with a feed-forward part. To forecast
the next row, compare it with an LSTM or a CfC, which are told the time too. Periods are in the unit of ``elapsed``,
which in forecasting is the usual gap.
"""

import math
from types import MappingProxyType
from typing import NamedTuple

import torch
from torch import Tensor, nn

from statewise import probe
from statewise.contract import Segments, SequenceLayer, Stepper, Timed, Vectors
from statewise.init.matrices import orthogonal_blocks_
from statewise.layers.recurrence_stepper import recurrence_stepper
from statewise.modules.linear import Linear
from statewise.ops.dense_recurrence import dense_recurrence
from statewise.ops.gates.phased_lstm import PhasedLSTMGates
from statewise.ops.linear_recurrence import linear_recurrence
from statewise.ops.streams.dense import dense_stepping
from statewise.ops.streams.feeds import Openness
from statewise.ops.streams.stepping import Stepping


class PhasedLSTMState(NamedTuple):
    """What a phased LSTM carries."""

    h: Tensor
    """(B, H): the output of the step before"""
    c: Tensor
    """(B, H): the memory"""
    time: Tensor
    """(B,) float64: since the row began; what a clock says depends on small differences of long times"""


class PhasedLSTM(SequenceLayer):
    """An LSTM whose memory and output follow ``c_t = k c~ + (1 - k) c_{t-1}``, k the openness of each unit's clock.

    It reads time: ``Timed(values (B, T, input_size), elapsed (B, T))``; without time stamps 1 passes a step. For half
    precision leave its weights in float32 and run it under autocast, as training does: ``.bfloat16()`` rounds a period
    by up to a 64th, so that a clock is a whole turn off after 64 of them.

    Args:
        input_size: D.
        hidden_size: H, width of state and output.
        shortest_period: tau starts between this and ``longest_period``, uniform in its logarithm; in units of time.
        longest_period: see there.
        open_ratio: r at the start, the share of its period for which a unit is open, above 0; all the time where 1.
        leak: alpha, how far a closed unit still moves, relative to phi.
        forget_bias: of the forget gate at the start.

    Raises:
        ValueError: if a period, the ratio or the leak is out of its range.

    >>> x = Timed(torch.randn(2, 7, 3), torch.rand(2, 7))
    >>> y, state = PhasedLSTM(input_size=3, hidden_size=4)(x)
    >>> y.shape, state.time.shape
    (torch.Size([2, 7, 4]), torch.Size([2]))
    """

    reads_time = True
    recurrent_weights = MappingProxyType({"recurrent_map.weight": 4})
    undecayed = ("log_period", "shift", "log_open_ratio")

    def __init__(
        self,
        *,
        input_size: int,
        hidden_size: int,
        shortest_period: float = 1.0,
        longest_period: float = 1000.0,
        open_ratio: float = 0.05,
        leak: float = 0.001,
        forget_bias: float = 1.0,
    ) -> None:
        super().__init__(Vectors(input_size), hidden_size)
        if not (0 < shortest_period <= longest_period and open_ratio > 0 and leak >= 0):
            raise ValueError(
                "the clocks need 0 < shortest_period <= longest_period, open_ratio > 0 and leak >= 0, got "
                f"{shortest_period}, {longest_period}, {open_ratio} and {leak}"
            )
        self.leak = leak
        self.input_map = Linear(input_size, 4 * hidden_size)
        self.recurrent_map = nn.Linear(hidden_size, 4 * hidden_size, bias=False)
        self.peepholes = nn.Parameter(torch.zeros(3, hidden_size))
        log_period = torch.empty(hidden_size).uniform_(math.log(shortest_period), math.log(longest_period))
        self.log_period = nn.Parameter(log_period)
        self.shift = nn.Parameter(torch.rand(hidden_size) * log_period.exp())
        self.log_open_ratio = nn.Parameter(torch.full((hidden_size,), math.log(open_ratio)))
        orthogonal_blocks_(self.recurrent_map.weight)
        nn.init.constant_(self.input_map.bias[hidden_size : 2 * hidden_size], forget_bias)

    def initial_state(self, batch_size: int) -> PhasedLSTMState:
        h = self.zeros(batch_size, self.output_size)
        return PhasedLSTMState(h, torch.zeros_like(h), self.zeros(batch_size).double())

    def step(self, x: Timed, state: PhasedLSTMState) -> tuple[Tensor, PhasedLSTMState]:
        time = state.time + x.elapsed
        k = self._openness(time)
        probe.record(self, "time_gate", k)
        a_i, a_f, a_g, a_o = (self.input_map(x.values) + self.recurrent_map(state.h)).chunk(4, dim=1)
        p_i, p_f, p_o = self.peepholes
        i = (a_i + p_i * state.c).sigmoid()
        f = (a_f + p_f * state.c).sigmoid()
        proposed_c = f * state.c + i * a_g.tanh()
        o = (a_o + p_o * proposed_c).sigmoid()
        proposed_h = o * proposed_c.tanh()
        c = k * proposed_c + (1 - k) * state.c
        h = k * proposed_h + (1 - k) * state.h
        return h.to(x.values.dtype), PhasedLSTMState(h, c, time)

    def _segments(self, x: Timed, state: PhasedLSTMState, segments: Segments | None) -> tuple[Tensor, PhasedLSTMState]:
        times = self._times(x.elapsed.to(state.time.dtype), state.time, segments)
        k = self._openness(times).to(state.h.dtype)
        driven = self.input_map(x.values).unflatten(-1, (4, self.output_size))
        y, c = dense_recurrence(
            PhasedLSTMGates(self.peepholes),
            torch.cat([driven, k.unsqueeze(2)], dim=2).transpose(0, 1),
            self.recurrent_map.weight,
            None,
            state.h,
            state.c.unsqueeze(1),
            segments=segments,
        )
        after = PhasedLSTMState(y[-1].clone(), c.squeeze(1), times[:, -1].clone())
        return y.transpose(0, 1).to(x.values.dtype), after

    def stepper(self, state: PhasedLSTMState) -> Stepper:
        return recurrence_stepper(self, state, self._in_place)

    def _in_place(self, state: PhasedLSTMState) -> Stepping:
        openness = Openness(
            self.log_period.double().exp(),
            self.shift.double(),
            self.log_open_ratio.exp(),
            self.shift.new_tensor([self.leak]),
            state.time,
            torch.zeros_like(state.time),
        )
        gates, inputs = PhasedLSTMGates(self.peepholes), (self.input_map.weight, self.input_map.bias)
        return dense_stepping(gates, inputs, self.recurrent_map.weight, None, state.h, [state.c], feed=openness)

    def _times(self, elapsed: Tensor, time: Tensor, segments: Segments | None) -> Tensor:
        """Since the row or segment began, at each step, ``(B, T)``; nothing of the steps before a segment is in it."""
        if segments is None:
            return time.unsqueeze(1) + elapsed.cumsum(1)
        return linear_recurrence(elapsed.new_ones(()), elapsed, time, segments)

    def _openness(self, time: Tensor) -> Tensor:
        """k of every unit, ``(..., H)`` from ``(...)``."""
        turns = (time.unsqueeze(-1) - self.shift) / self.log_period.double().exp()
        phase, ratio = (turns - turns.floor()).to(self.shift.dtype), self.log_open_ratio.exp()
        opening = 2 * phase / ratio
        return torch.where(phase < ratio / 2, opening, torch.where(phase < ratio, 2 - opening, self.leak * phase))
