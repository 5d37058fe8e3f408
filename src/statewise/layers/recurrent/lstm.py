"""Long short-term memory.

Hochreiter & Schmidhuber 1997 with the forget gate of Gers, Schmidhuber & Cummins 2000:

    i_t, f_t, o_t = sigmoid(W x_t + U h_{t-1} + b)    input, forget and output gate
    g_t           = tanh(W_g x_t + U_g h_{t-1} + b_g)  what is offered to the memory
    c_t           = f_t * c_{t-1} + i_t * g_t
    h_t           = o_t * tanh(c_t),  y_t = h_t

Gers et al. write s for c and y^in, y^phi, y^out for i, f, o. Parameters are named and laid out as ``torch.nn.LSTM``'s:
W = ``weight_ih_l0`` (4 H, D), U = ``weight_hh_l0`` (4 H, H), gates in the order i, f, g, o, two biases that add up.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from statewise import probe
from statewise.contract import Segments, Stepper
from statewise.init.matrices import Recurrent
from statewise.init.time_scales import forget_and_input_biases, start_gates_
from statewise.layers.recurrent.torch_layout import TorchLayout
from statewise.ops.gates.lstm import LSTMGates


class LSTMState(NamedTuple):
    """What an LSTM carries."""

    h: Tensor
    """(B, H): the output of the step before"""
    c: Tensor
    """(B, H): the memory"""


class LSTM(TorchLayout):
    """c_t = f_t * c_{t-1} + i_t * g_t, h_t = o_t * tanh(c_t).

    Args:
        input_size: D.
        hidden_size: H, width of state and output.
        forget_bias: what the forget gate's bias is at the start, both bias vectors together (Jozefowicz et al. 2015
            advise 1); ``None`` leaves torch.nn's uniform values.
        longest_memory: where given, in place of ``forget_bias``, the forget gates start with biases b = log u, u
            uniform in [1, longest_memory - 1], the input gates with -b, so that units remember for 2 to so many steps
            (Tallec & Ollivier 2018).
        initialization: U at the start: ``uniform`` in +-1/sqrt(H) as torch.nn's, ``orthogonal`` or ``identity``,
            gate by gate.

    Raises:
        ValueError: if the initialisation is unknown, or both a forget bias and a longest memory are given.

    >>> y, state = LSTM(input_size=3, hidden_size=4)(torch.randn(2, 7, 3))
    >>> y.shape, state.c.shape
    (torch.Size([2, 7, 4]), torch.Size([2, 4]))
    """

    torch_mode = "LSTM"

    def __init__(
        self,
        *,
        input_size: int,
        hidden_size: int,
        forget_bias: float | None = 1.0,
        longest_memory: int | None = None,
        initialization: Recurrent = "orthogonal",
    ) -> None:
        super().__init__(input_size, hidden_size, gates=4, initialization=initialization)
        forget, write = forget_and_input_biases(hidden_size, forget_bias, longest_memory)
        start_gates_(self.bias_ih_l0, {0: write, 1: forget}, second=self.bias_hh_l0)

    def initial_state(self, batch_size: int) -> LSTMState:
        h = self.zeros(batch_size, self.output_size)
        return LSTMState(h, torch.zeros_like(h))

    def step(self, x: Tensor, state: LSTMState) -> tuple[Tensor, LSTMState]:
        i, f, g, o = self._gates(self._projected(x), state.h)
        probe.record(self, "input_gate", i)
        probe.record(self, "forget_gate", f)
        probe.record(self, "output_gate", o)
        c = f * state.c + i * g
        h = o * c.tanh()
        return h, LSTMState(h, c)

    def stepper(self, state: LSTMState) -> Stepper:
        return self._dense_stepper(LSTMGates(), state)

    def _segments(self, x: Tensor, state: LSTMState, segments: Segments | None) -> tuple[Tensor, LSTMState]:
        y, after = self._whole(LSTMGates(), x, state, segments)
        return y, LSTMState(*after)

    def _gates(self, projected: Tensor, h: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """i, f, g and o, each ``(B, H)``, from W x_t + b_W and the output of the step before."""
        i, f, g, o = (projected + F.linear(h, self.weight_hh_l0, self.bias_hh_l0)).chunk(4, dim=-1)
        return i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
