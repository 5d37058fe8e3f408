"""ODE-RNN: between observations the state follows a learnt differential equation, at each a GRU takes it further.

Rubanova, Chen & Duvenaud 2019, "Latent ODEs for Irregularly-Sampled Time Series", algorithm 1:

    h~_t = h(D_t)  of  h' = V tanh(W h + b) + c,  h(0) = h_{t-1}      D_t = min(Delta_t, n d)
    h_t  = GRU(x_t, h~_t),  y_t = h_t

with Delta_t the time since the step before, n the solver's steps, d the longest that one of them may be. Our h~ is the
paper's h'. The field is the paper's f_theta with one hidden layer; it does not depend on time. The paper solves it with
steps of adaptive size; here they are fixed in number (``statewise.ops.integrate``), so that rows are independent, a
step takes as long for every input, and gradients are exactly those of what was computed.

Nothing but time bounds how far such a field drifts, and a step too long for it overshoots: without a bound, gaps of
hundreds of usual ones make a training blow up. The authors' code divides times by the length of the whole record and
takes more steps over longer gaps. How long a gap was beyond n d, a column may tell, as those of ``statewise.data.pace``
do. V and c start at 0: at first no gap matters.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from statewise.contract import Segments, SequenceLayer, Stepper, Timed, Vectors
from statewise.errors import choose
from statewise.layers.recurrence_stepper import recurrence_stepper
from statewise.layers.recurrent.gru import GRU, GRUState
from statewise.layers.recurrent.torch_layout import WEIGHTS
from statewise.ops.chained_recurrence import chained_recurrence
from statewise.ops.chains.ode_rnn import ODERNNGates
from statewise.ops.integrate import SOLVERS, TABLEAUS, Solver, integrate
from statewise.ops.linear import linear
from statewise.ops.streams.chained import chained_stepping
from statewise.ops.streams.feeds import Elapsed
from statewise.ops.streams.stepping import Stepping


class ODERNNState(NamedTuple):
    """What an ODE-RNN carries."""

    h: Tensor
    """(B, H): just after the last observation"""


class ODERNN(SequenceLayer):
    """``h' = V tanh(W h + b) + c`` for the time that passes, then ``h_t = GRU(x_t, h)``.

    It reads time: ``Timed(values (B, T, input_size), elapsed (B, T))``; without time stamps 1 passes a step.

    Args:
        input_size: D.
        hidden_size: H, width of state and output.
        field_size: width of the field's hidden layer; as wide as ``hidden_size`` where it is ``None``.
        solver: ``euler``, ``midpoint`` or ``rk4``, of order 1, 2 and 4 and as many evaluations of the field a step.
        solver_steps: n, how many between two observations, however far apart.
        longest_step: d, in the unit of ``elapsed``, which ought to be the usual time between two observations. Up to 2
            all three solvers are stable on flows that come to rest at a rate of 1; ``math.inf`` for none.
        keep_bias: of the GRU's update gate at the start; above 0 it keeps more.

    Raises:
        ValueError: if the solver is unknown, or makes no step or one of no length.

    >>> x = Timed(torch.randn(2, 7, 3), torch.rand(2, 7))
    >>> y, state = ODERNN(input_size=3, hidden_size=4)(x)
    >>> y.shape, state.h.shape
    (torch.Size([2, 7, 4]), torch.Size([2, 4]))
    """

    reads_time = True

    def __init__(
        self,
        *,
        input_size: int,
        hidden_size: int,
        field_size: int | None = None,
        solver: Solver = "rk4",
        solver_steps: int = 1,
        longest_step: float = 2.0,
        keep_bias: float = 0.0,
    ) -> None:
        super().__init__(Vectors(input_size), hidden_size)
        if solver_steps < 1:
            raise ValueError(f"solver_steps must be at least 1, got {solver_steps}")
        if not longest_step > 0:
            raise ValueError(f"longest_step must be positive, got {longest_step}")
        self.solver = choose("solver", solver, SOLVERS)
        self.solver_steps = solver_steps
        self.longest_step = longest_step
        width = hidden_size if field_size is None else field_size
        self.field = nn.Sequential(nn.Linear(hidden_size, width), nn.Tanh(), nn.Linear(width, hidden_size))
        for parameter in self.field[2].parameters():
            nn.init.zeros_(parameter)
        self.update = GRU(input_size=input_size, hidden_size=hidden_size, keep_bias=keep_bias)

    def initial_state(self, batch_size: int) -> ODERNNState:
        return ODERNNState(self.zeros(batch_size, self.output_size))

    def step(self, x: Timed, state: ODERNNState) -> tuple[Tensor, ODERNNState]:
        elapsed = self._counted(x.elapsed).unsqueeze(1).to(state.h.dtype)
        evolved = integrate(self.field, state.h, elapsed, steps=self.solver_steps, solver=self.solver)
        y, updated = self.update.step(x.values, GRUState(evolved))
        return y, ODERNNState(updated.h)

    def _segments(self, x: Timed, state: ODERNNState, segments: Segments | None) -> tuple[Tensor, ODERNNState]:
        weight_in, weight, bias_in, bias = (getattr(self.update, name) for name in WEIGHTS)
        driven = linear(x.values.transpose(0, 1), weight_in, bias_in)
        length = (self._counted(x.elapsed) / self.solver_steps).t().unsqueeze(2)
        gates, weights = self._chain(weight, bias, driven.dtype)
        timed = torch.cat([driven, length.to(driven.dtype)], dim=2)
        y, _ = chained_recurrence(gates, timed, weights, state.h, segments=segments)
        return y.transpose(0, 1), ODERNNState(y[-1].clone())

    def stepper(self, state: ODERNNState) -> Stepper:
        return recurrence_stepper(self, state, self._in_place)

    def _in_place(self, state: ODERNNState) -> Stepping:
        weight_in, weight, bias_in, bias = (getattr(self.update, name) for name in WEIGHTS)
        gates, weights = self._chain(weight, bias, state.h.dtype)
        elapsed = Elapsed.over(len(state.h), longest=self.solver_steps * self.longest_step, parts=self.solver_steps)
        return chained_stepping(gates, (weight_in, bias_in), weights, state.h, feed=elapsed)

    def _chain(
        self, weight: Tensor, bias: Tensor, dtype: torch.dtype
    ) -> tuple[ODERNNGates, tuple[Tensor, Tensor, Tensor]]:
        """Gates and matrices of the field, and of the GRU's weight and bias."""
        inner, outer = (layer for layer in self.field if isinstance(layer, nn.Linear))
        dtype = torch.promote_types(dtype, torch.float32)
        tableau = torch.tensor([TABLEAUS[self.solver]] * self.solver_steps, dtype=dtype)
        return ODERNNGates(inner.bias, outer.bias, bias, tableau), (inner.weight, outer.weight, weight)

    def _counted(self, elapsed: Tensor) -> Tensor:
        """D_t: the time for which the field is followed."""
        return elapsed.clamp(max=self.solver_steps * self.longest_step)
