"""Clockwork RNN: groups of units, each of which moves only at every so many-th step; slow groups drive fast ones.

Koutnik, Greff, Gomez & Schmidhuber 2014, "A Clockwork RNN", eq. 1 to 3, t counted from 0:

    h_t[i] = tanh(W_i x_t + sum_{j >= i} U_ij h_{t-1}[j] + b_i)   where t mod T_i = 0
             h_{t-1}[i]                                           else
    y_t    = h_t

for groups i, j of equal size with periods T_1 <= T_2 <= ... Our h, W, U are the paper's y_H, W_I, W_H; its output layer
is the model's. U is block upper triangular, and only its blocks are parameters: an equal budget makes for more units
than an Elman RNN has. At the first step all groups move. Blocks on the diagonal start orthogonal; the paper draws all
weights from N(0, 0.1^2). It also skips the products of groups that stand still; here rows may stand at different steps,
and all products are worked out.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from statewise import probe
from statewise.contract import Segments, SequenceLayer, Stepper, Vectors
from statewise.init.matrices import uniform_
from statewise.layers.recurrence_stepper import recurrence_stepper
from statewise.modules.linear import Linear
from statewise.ops.dense_recurrence import dense_recurrence
from statewise.ops.gates.rnn import TanhGates
from statewise.ops.streams.dense import dense_stepping
from statewise.ops.streams.holds import Clocks
from statewise.ops.streams.stepping import Stepping


class ClockworkState(NamedTuple):
    """What a clockwork RNN carries."""

    h: Tensor
    """(B, H)"""
    steps: Tensor
    """(B,) int64: since the row began"""


class ClockworkRNN(SequenceLayer):
    """``h_t[i] = tanh(W_i x_t + sum_{j >= i} U_ij h_{t-1}[j] + b_i)`` where t is a multiple of the group's period.

    Args:
        input_size: D.
        hidden_size: H, width of state and output, a multiple of the number of groups.
        periods: T_i, in steps, of each group; from fast to slow. The paper's are powers of 2.
        longest_period: where given, there are as many periods, but from 1 to this by equal factors, rounded.

    Raises:
        ValueError: if the periods are none, fall, or do not divide the width into groups, or the longest is below 1 or
            that of a single group.

    >>> y, state = ClockworkRNN(input_size=3, hidden_size=8)(torch.randn(2, 7, 3))
    >>> y.shape, state.steps
    (torch.Size([2, 7, 8]), tensor([7, 7]))
    """

    periods: Tensor

    def __init__(
        self,
        *,
        input_size: int,
        hidden_size: int,
        periods: tuple[int, ...] = (1, 2, 4, 8),
        longest_period: float | None = None,
    ) -> None:
        super().__init__(Vectors(input_size), hidden_size)
        if longest_period is not None:
            periods = _spread(len(periods), longest_period)
        if not periods or periods[0] < 1 or any(slow < fast for fast, slow in pairwise(periods)):
            raise ValueError(f"periods must be at least 1 and go from fast to slow, got {tuple(periods)}")
        if hidden_size % len(periods):
            raise ValueError(
                f"hidden_size must be a multiple of {len(periods)}, the number of periods; is {hidden_size}"
            )
        self.group_size = hidden_size // len(periods)
        self.register_buffer("periods", torch.tensor(periods))
        self.input_map = Linear(input_size, hidden_size)
        self.recurrent = nn.ParameterList(
            uniform_(torch.empty(self.group_size, hidden_size - start), hidden_size)
            for start in range(0, hidden_size, self.group_size)
        )
        self.recurrent_weights = {f"recurrent.{number}": 1 for number in range(len(periods))}
        for blocks in self.recurrent:  # of the whole U the eigenvalues are those of these blocks
            nn.init.orthogonal_(blocks[:, : self.group_size])

    @classmethod
    def width_multiple(cls, options: Mapping[str, Any]) -> int:
        return len(options["periods"])

    def initial_state(self, batch_size: int) -> ClockworkState:
        steps = torch.zeros(batch_size, dtype=torch.int64, device=self.device)
        return ClockworkState(self.zeros(batch_size, self.output_size), steps)

    def step(self, x: Tensor, state: ClockworkState) -> tuple[Tensor, ClockworkState]:
        memory = [F.linear(state.h[:, i * self.group_size :], blocks) for i, blocks in enumerate(self.recurrent)]
        moved = (self.input_map(x) + torch.cat(memory, dim=1)).tanh()
        moves = self._of_units(self._moving(state.steps))
        probe.record(self, "moves", moves)
        h = torch.where(moves, moved, state.h)
        return h, ClockworkState(h, state.steps + 1)

    def _segments(self, x: Tensor, state: ClockworkState, segments: Segments | None) -> tuple[Tensor, ClockworkState]:
        h, time = state.h, x.shape[1]
        seen = state.steps if segments is None else -segments.begun(state.steps).t()
        moves = self._moving(seen + torch.arange(time, device=x.device).unsqueeze(1))
        keep = self._of_units((~moves).to(h.dtype)).unsqueeze(2)
        driven = self.input_map(x.transpose(0, 1)).to(h.dtype).unsqueeze(2)
        no_memory = h.new_empty(h.shape[0], 0, h.shape[1])
        y, _ = dense_recurrence(TanhGates(), driven, self._weight(), None, h, no_memory, keep=keep, segments=segments)
        steps = state.steps + time if segments is None else segments.counted(state.steps)
        return y.transpose(0, 1).to(x.dtype), ClockworkState(y[-1].clone(), steps)

    def stepper(self, state: ClockworkState) -> Stepper:
        return recurrence_stepper(self, state, self._in_place)

    def _in_place(self, state: ClockworkState) -> Stepping:
        clocks = Clocks(self._of_units(self.periods), state.steps)
        inputs = self.input_map.weight, self.input_map.bias
        return dense_stepping(TanhGates(), inputs, self._weight(), None, state.h, hold=clocks)

    def _weight(self) -> Tensor:
        """U ``(H, H)``, zero below its blocks."""
        width = self.output_size
        return torch.cat([F.pad(blocks, (width - blocks.shape[1], 0)) for blocks in self.recurrent])

    def _moving(self, steps: Tensor) -> Tensor:
        """Which groups move at steps ``(...)``: ``(..., groups)`` bool."""
        return steps.unsqueeze(-1) % self.periods == 0

    def _of_units(self, x: Tensor) -> Tensor:
        """``(..., H)`` from one number a group, ``(..., groups)``."""
        return x.repeat_interleave(self.group_size, dim=-1)


def _spread(groups: int, longest: float) -> tuple[int, ...]:
    """Periods from 1 to ``longest``, each by the same factor above the one before, rounded."""
    if groups < 2 or longest < 1:
        raise ValueError(f"a longest period takes two groups and at least 1 step, got {groups} groups and {longest}")
    return tuple(round(longest ** (group / (groups - 1))) for group in range(groups))
