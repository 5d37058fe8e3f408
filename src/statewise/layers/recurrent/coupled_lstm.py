"""LSTM with a coupled input and forget gate: it writes as much as it forgets.

Greff, Srivastava, Koutnik, Steunebrink & Schmidhuber 2017, "LSTM: a search space odyssey", section 3 (CIFG), without
peepholes:

    f_t, o_t = sigmoid(W x_t + U h_{t-1} + b)    forget and output gate
    g_t      = tanh(W_g x_t + U_g h_{t-1} + b_g)
    c_t      = f_t * c_{t-1} + (1 - f_t) * g_t
    h_t      = o_t * tanh(c_t),  y_t = h_t

The paper writes z for g and y for h. Rows in the order f, g, o.
"""

from torch import Tensor

from statewise import probe
from statewise.init.matrices import Recurrent
from statewise.init.time_scales import forget_and_input_biases, start_gates_
from statewise.layers.recurrent.gated import GatedLayer, MemoryState
from statewise.layers.recurrent.noise import Noise
from statewise.ops.gates.coupled_lstm import CoupledLSTMGates


class CoupledLSTM(GatedLayer):
    """c_t = f_t * c_{t-1} + (1 - f_t) * g_t: three quarters of an LSTM's weights.

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

    >>> import torch
    >>> y, state = CoupledLSTM(input_size=3, hidden_size=4)(torch.randn(2, 7, 3))
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
        super().__init__(input_size, hidden_size, inputs=3, products=3, initialization=initialization, noise=noise)
        forget, _ = forget_and_input_biases(hidden_size, forget_bias, longest_memory)
        start_gates_(self.input.bias, {0: forget})

    def step(self, x: Tensor, state: MemoryState) -> tuple[Tensor, MemoryState]:
        f, g, o = (self.input(x) + self._product(state)).chunk(3, dim=-1)
        f, g, o = f.sigmoid(), g.tanh(), o.sigmoid()
        probe.record(self, "forget_gate", f)
        probe.record(self, "output_gate", o)
        c = f * state.c + (1 - f) * g
        h = o * c.tanh()
        return self._after(state, h, c)

    def _gates(self) -> CoupledLSTMGates:
        return CoupledLSTMGates()
