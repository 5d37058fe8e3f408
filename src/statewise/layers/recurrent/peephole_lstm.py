"""LSTM with peepholes: gates that see the memory.

Gers, Schraudolph & Schmidhuber 2002, "Learning precise timing with LSTM recurrent networks", section 3, after Gers &
Schmidhuber 2000, "Recurrent nets that time and count":

    i_t, f_t = sigmoid(W x_t + U h_{t-1} + p * c_{t-1} + b)      input and forget gate look at the memory as it was
    g_t      = tanh(W_g x_t + U_g h_{t-1} + b_g)
    c_t      = f_t * c_{t-1} + i_t * g_t
    o_t      = sigmoid(W_o x_t + U_o h_{t-1} + p_o * c_t + b_o)  the output gate at the memory as it is
    h_t      = o_t * tanh(c_t),  y_t = h_t

Gers et al. write s for c and y^in, y^phi, y^out for i, f, o, and use no tanh on the way out; this is the form of Graves
2013, eq. 7-11, whose W_ci, W_cf, W_co are p. Rows of W and U in the order i, f, g, o; p in the order i, f, o.
"""

import torch
from torch import Tensor, nn

from statewise import probe
from statewise.init.matrices import Recurrent, uniform_
from statewise.init.time_scales import forget_and_input_biases, start_gates_
from statewise.layers.recurrent.gated import GatedLayer, MemoryState
from statewise.layers.recurrent.noise import Noise
from statewise.ops.gates.peephole_lstm import PeepholeLSTMGates


class PeepholeLSTM(GatedLayer):
    """An LSTM with diagonal weights from the memory to its gates.

    Args:
        input_size: D.
        hidden_size: H, width of state and output.
        forget_bias: of the forget gate, at the start; ``None`` leaves what is drawn.
        longest_memory: in its place, memories of 2 to so many steps (Tallec & Ollivier 2018), as those of the LSTM.
        initialization: U at the start, gate by gate.
        zoneout: share of h that is kept, see ``statewise.layers.recurrent.noise``.
        zoneout_memory: share of c that is kept.
        variational_dropout: share of h that the product does not see.

    Raises:
        ValueError: if both a forget bias and a longest memory are given, the initialisation is unknown, or a rate of
            noise outside [0, 1).

    >>> y, state = PeepholeLSTM(input_size=3, hidden_size=4)(torch.randn(2, 7, 3))
    >>> y.shape, state.c.shape
    (torch.Size([2, 7, 4]), torch.Size([2, 4]))
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
        zoneout: float = 0.0,
        zoneout_memory: float = 0.0,
        variational_dropout: float = 0.0,
    ) -> None:
        noise = Noise(zoneout, zoneout_memory, variational_dropout)
        super().__init__(input_size, hidden_size, inputs=4, products=4, initialization=initialization, noise=noise)
        self.peepholes = nn.Parameter(uniform_(torch.empty(3, hidden_size), hidden_size))
        forget, write = forget_and_input_biases(hidden_size, forget_bias, longest_memory)
        start_gates_(self.input.bias, {0: write, 1: forget})

    def step(self, x: Tensor, state: MemoryState) -> tuple[Tensor, MemoryState]:
        i, f, g, o = (self.input(x) + self._product(state)).chunk(4, dim=-1)
        from_i, from_f, from_o = self.peepholes
        i = (i + from_i * state.c).sigmoid()
        f = (f + from_f * state.c).sigmoid()
        c = f * state.c + i * g.tanh()
        o = (o + from_o * c).sigmoid()
        h = o * c.tanh()
        probe.record(self, "input_gate", i)
        probe.record(self, "forget_gate", f)
        probe.record(self, "output_gate", o)
        return self._after(state, h, c)

    def _gates(self) -> PeepholeLSTMGates:
        return PeepholeLSTMGates(self.peepholes)
