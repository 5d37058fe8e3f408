"""Gated recurrent unit.

Cho et al. 2014, "Learning phrase representations ...", eq. 5-8:

    r_t = sigmoid(W_r x_t + U_r h_{t-1} + b_r)              reset gate
    z_t = sigmoid(W_z x_t + U_z h_{t-1} + b_z)              update gate: how much is kept, so "keep_gate" to a probe
    n_t = tanh(W_n x_t + b_n + r_t * (U_n h_{t-1} + b_u))   reset "after" the product: torch.nn's, cuDNN's
    n_t = tanh(W_n x_t + b_n + U_n (r_t * h_{t-1}) + b_u)   reset "before" the product: the paper's
    h_t = z_t * h_{t-1} + (1 - z_t) * n_t,  y_t = h_t

Our n is the paper's h~. z keeps here, as in the paper's eq. 7 and in torch.nn; in Chung et al. 2014 it writes.
Parameters are named and laid out as ``torch.nn.GRU``'s, gates in the order r, z, n.
"""

from typing import Literal, NamedTuple, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from statewise import probe
from statewise.contract import Segments, Stepper
from statewise.errors import choose
from statewise.init.matrices import Recurrent
from statewise.init.time_scales import chrono
from statewise.layers.recurrence_stepper import recurrence_stepper
from statewise.layers.recurrent.torch_layout import TorchLayout
from statewise.ops.chained_recurrence import chained_recurrence
from statewise.ops.chains.reset_gru import ResetGRUGates
from statewise.ops.gates.gru import GRUGates
from statewise.ops.linear import linear
from statewise.ops.streams.chained import chained_stepping
from statewise.ops.streams.stepping import Stepping

ResetPlacement = Literal["after", "before"]


class GRUState(NamedTuple):
    """What a GRU carries."""

    h: Tensor
    """(B, H)"""


class GRU(TorchLayout):
    """h_t = z_t * h_{t-1} + (1 - z_t) * n_t.

    Args:
        input_size: D.
        hidden_size: H, width of state and output.
        reset_placement: whether the reset gate acts ``after`` the recurrent product (torch.nn's) or ``before`` it (the
            paper's).
        keep_bias: added to the bias of the update gate z at the start; above 0 the unit keeps more.
        longest_memory: where given, that bias is log u, u uniform in [1, longest_memory - 1], before ``keep_bias`` is
            added, so that units remember for 2 to so many steps (Tallec & Ollivier 2018).
        initialization: U at the start: ``uniform`` in +-1/sqrt(H) as torch.nn's, ``orthogonal`` or ``identity``,
            gate by gate.

    Raises:
        ValueError: if the placement or initialisation is unknown.

    >>> y, state = GRU(input_size=3, hidden_size=4)(torch.randn(2, 7, 3))
    >>> y.shape, state.h.shape
    (torch.Size([2, 7, 4]), torch.Size([2, 4]))
    """

    torch_mode = "GRU"

    def __init__(
        self,
        *,
        input_size: int,
        hidden_size: int,
        reset_placement: ResetPlacement = "after",
        keep_bias: float = 0.0,
        longest_memory: int | None = None,
        initialization: Recurrent = "orthogonal",
    ) -> None:
        super().__init__(input_size, hidden_size, gates=3, initialization=initialization)
        self.reset_placement = choose("reset_placement", reset_placement, get_args(ResetPlacement))
        update = slice(hidden_size, 2 * hidden_size)
        with torch.no_grad():
            if longest_memory is not None:
                self.bias_ih_l0[update] = chrono(hidden_size, longest_memory)
                self.bias_hh_l0[update] = 0.0
            self.bias_ih_l0[update] += keep_bias

    def initial_state(self, batch_size: int) -> GRUState:
        return GRUState(self.zeros(batch_size, self.output_size))

    def step(self, x: Tensor, state: GRUState) -> tuple[Tensor, GRUState]:
        r, z, n = self._gates(self._projected(x), state.h)
        probe.record(self, "reset_gate", r)
        probe.record(self, "keep_gate", z)
        h = n + z * (state.h - n)
        return h, GRUState(h)

    def stepper(self, state: GRUState) -> Stepper:
        if self.reset_placement == "before":
            return recurrence_stepper(self, state, self._in_place)
        return self._dense_stepper(GRUGates(), state)

    def _segments(self, x: Tensor, state: GRUState, segments: Segments | None) -> tuple[Tensor, GRUState]:
        if self.reset_placement == "before":
            return self._reset_before(x, state.h, segments)
        y, after = self._whole(GRUGates(), x, state, segments)
        return y, GRUState(*after)

    def _reset_before(self, x: Tensor, h: Tensor, segments: Segments | None) -> tuple[Tensor, GRUState]:
        """A whole sequence whose steps are two products after one another."""
        bias = self.bias_ih_l0 + self.bias_hh_l0
        driven = linear(x.transpose(0, 1), self.weight_ih_l0, bias)
        weights = self.weight_hh_l0.split([2 * self.output_size, self.output_size])
        y, _ = chained_recurrence(ResetGRUGates(), driven, weights, h, segments=segments)
        return y.transpose(0, 1), GRUState(y[-1].clone())

    def _in_place(self, state: GRUState) -> Stepping:
        """Of steps that are two products after one another."""
        inputs = self.weight_ih_l0, self.bias_ih_l0 + self.bias_hh_l0
        weights = self.weight_hh_l0.split([2 * self.output_size, self.output_size])
        return chained_stepping(ResetGRUGates(), inputs, weights, state.h)

    def _gates(self, projected: Tensor, h: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """r, z and n, each ``(B, H)``, from W x_t + b_W and the output of the step before."""
        width = self.output_size
        input_gates, input_new = projected.split([2 * width, width], dim=-1)
        if self.reset_placement == "after":
            memory_gates, memory_new = F.linear(h, self.weight_hh_l0, self.bias_hh_l0).split([2 * width, width], dim=-1)
            r, z = (input_gates + memory_gates).sigmoid().chunk(2, dim=-1)
            n = (input_new + r * memory_new).tanh()
        else:
            weight_gates, weight_new = self.weight_hh_l0.split([2 * width, width])
            bias_gates, bias_new = self.bias_hh_l0.split([2 * width, width])
            r, z = (input_gates + F.linear(h, weight_gates, bias_gates)).sigmoid().chunk(2, dim=-1)
            n = (input_new + F.linear(r * h, weight_new, bias_new)).tanh()
        return r, z, n
