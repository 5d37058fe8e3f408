"""LSTM with noise inside its recurrence.

Zoneout (Krueger et al. 2017, eq. 6), which has random units keep their values; variational dropout (Gal & Ghahramani
2016, eq. 7) before the recurrent product; recurrent dropout without memory loss (Semeniuta, Severyn & Barth 2016,
eq. 14), which has random units write nothing:

    i_t, f_t, o_t = sigmoid(W x_t + U (d * h_{t-1}) + b)
    g_t           = tanh(W_g x_t + U_g (d * h_{t-1}) + b_g)
    c'_t          = f_t * c_{t-1} + i_t * (e_t * g_t)
    h'_t          = o_t * tanh(c'_t)
    c_t, h_t      = k^c_t * c_{t-1} + (1 - k^c_t) * c'_t,  k^h_t * h_{t-1} + (1 - k^h_t) * h'_t,  y_t = h_t

k, d and e as ``statewise.layers.recurrent.noise`` says; Krueger et al. write d^c, d^h for k, Semeniuta et al. d(.) for
e. As in both papers' eval mode, k is its mean then and d = e = 1. Krueger et al. feed tanh(c') to h'; so does this.
Rows in the order i, f, g, o. d masks h alone: the mask of x in Gal & Ghahramani's eq. 7 is the model's dropout, with
``dropout_mask="sequence"``.
"""

import torch
from torch import Tensor

from statewise import probe
from statewise.init.matrices import Recurrent
from statewise.init.time_scales import forget_and_input_biases, start_gates_
from statewise.layers.recurrent.gated import GatedLayer, MemoryState
from statewise.layers.recurrent.noise import Noise, candidate_mask, shut_gates
from statewise.ops.gates.dropped_lstm import DroppedLSTMGates
from statewise.ops.gates.lstm import LSTMGates
from statewise.ops.transforms import transforming


class ZoneoutLSTM(GatedLayer):
    """An LSTM whose units keep their values now and then.

    Args:
        input_size: D.
        hidden_size: H, width of state and output.
        forget_bias: of the forget gate, at the start; ``None`` leaves what is drawn.
        longest_memory: in its place, memories of 2 to so many steps (Tallec & Ollivier 2018), as those of the LSTM.
        initialization: U at the start, gate by gate.
        zoneout: share of h that is kept (Krueger et al. 2017 take 0.05 and, of c, 0.5 for characters).
        zoneout_memory: share of c that is kept.
        variational_dropout: share of h that the product does not see.
        recurrent_dropout: share of g that is not written.

    Raises:
        ValueError: if both a forget bias and a longest memory are given, the initialisation is unknown, or a rate of
            noise outside [0, 1).

    >>> y, state = ZoneoutLSTM(input_size=3, hidden_size=4)(torch.randn(2, 7, 3))
    >>> y.shape, state.c.shape, state.noise.steps
    (torch.Size([2, 7, 4]), torch.Size([2, 4]), tensor([7, 7]))
    """

    state_type = MemoryState

    def __init__(
        self,
        *,
        input_size: int,
        hidden_size: int,
        forget_bias: float | None = 1.0,
        longest_memory: int | None = None,
        initialization: Recurrent = "orthogonal",
        zoneout: float = 0.05,
        zoneout_memory: float = 0.5,
        variational_dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
    ) -> None:
        noise = Noise(zoneout, zoneout_memory, variational_dropout, recurrent_dropout)
        super().__init__(input_size, hidden_size, inputs=4, products=4, initialization=initialization, noise=noise)
        forget, write = forget_and_input_biases(hidden_size, forget_bias, longest_memory)
        start_gates_(self.input.bias, {0: write, 1: forget})

    def step(self, x: Tensor, state: MemoryState) -> tuple[Tensor, MemoryState]:
        i, f, g, o = (self.input(x) + self._product(state)).chunk(4, dim=-1)
        i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
        probe.record(self, "input_gate", i)
        probe.record(self, "forget_gate", f)
        probe.record(self, "output_gate", o)
        if self._drops and state.noise:
            g = g * candidate_mask(self.noise.recurrent_dropout, self.output_size, state.noise, g.dtype)
        c = f * state.c + i * g
        h = o * c.tanh()
        return self._after(state, h, c)

    def _gates(self) -> LSTMGates | DroppedLSTMGates:
        if not self._drops:
            return LSTMGates()
        return DroppedLSTMGates(self.recurrent.weight.new_full((1,), 1 / (1 - self.noise.recurrent_dropout)))

    def _driven(self, x: Tensor, state: MemoryState) -> Tensor:
        if not (self._drops and state.noise):
            return super()._driven(x, state)
        driven, width = self.input(x.flatten(0, 1)), self.output_size
        shut = shut_gates(self.noise.recurrent_dropout, width, state.noise, driven.dtype).transpose(0, 1).flatten(0, 1)
        if transforming():  # a map may be over what is added alone
            driven = torch.cat([driven[:, :width] + shut, driven[:, width:]], dim=1)
        else:
            with torch.no_grad():  # what is added has no part in gradients
                driven[:, :width] += shut
        return driven.view(*x.shape[:2], 4, width)

    @property
    def _drops(self) -> bool:
        return self.training and self.noise.recurrent_dropout > 0
