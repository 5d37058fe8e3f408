"""minimalRNN: one gate between the memory and an input that knows nothing of it.

Chen 2017, "MinimalRNN: toward more interpretable and trainable recurrent neural networks", section 2:

    z_t = tanh(W x_t + b)                       the paper's Phi, as in its experiments
    k_t = sigmoid(U h_{t-1} + V z_t + b_k)      how much is kept, so "keep_gate" to a probe
    h_t = k_t * h_{t-1} + (1 - k_t) * z_t,  y_t = h_t

The paper writes u for k, U_h for U and U_z for V.
"""

import torch
from torch import Tensor, nn

from statewise import probe
from statewise.init.matrices import Recurrent, recurrent_
from statewise.init.time_scales import keep_biases, start_gates_
from statewise.layers.recurrent.gated import GatedLayer, HiddenState
from statewise.layers.recurrent.noise import Noise
from statewise.ops.gates.minimal_rnn import MinimalRNNGates
from statewise.ops.streams import feeds


class MinimalRNN(GatedLayer):
    """h_t = k_t * h_{t-1} + (1 - k_t) * z_t.

    Args:
        input_size: D.
        hidden_size: H, width of state and output.
        keep_bias: b_k at the start; above 0 the unit keeps more.
        longest_memory: where given, b = log u is added, u uniform in [1, longest_memory - 1], so that units remember
            for 2 to so many steps (Tallec & Ollivier 2018).
        initialization: U and V at the start.
        zoneout: share of h that is kept, see ``statewise.layers.recurrent.noise``.
        variational_dropout: share of h that the product does not see.

    Raises:
        ValueError: if the initialisation is unknown, or a rate of noise outside [0, 1).

    >>> y, state = MinimalRNN(input_size=3, hidden_size=4)(torch.randn(2, 7, 3))
    >>> y.shape, state.h.shape
    (torch.Size([2, 7, 4]), torch.Size([2, 4]))
    """

    state_type = HiddenState

    def __init__(
        self,
        *,
        input_size: int,
        hidden_size: int,
        keep_bias: float = 0.0,
        longest_memory: int | None = None,
        initialization: Recurrent = "orthogonal",
        zoneout: float = 0.0,
        variational_dropout: float = 0.0,
    ) -> None:
        noise = Noise(zoneout=zoneout, variational_dropout=variational_dropout)
        super().__init__(input_size, hidden_size, inputs=1, products=1, initialization=initialization, noise=noise)
        self.keep = nn.Linear(hidden_size, hidden_size)
        recurrent_(self.keep.weight, initialization)
        start_gates_(self.keep.bias, {0: keep_biases(hidden_size, keep_bias, longest_memory)})

    def step(self, x: Tensor, state: HiddenState) -> tuple[Tensor, HiddenState]:
        z = self.input(x).tanh()
        k = (self._product(state) + self.keep(z)).sigmoid()
        probe.record(self, "keep_gate", k)
        h = k * state.h + (1 - k) * z
        return self._after(state, h)

    def _driven(self, x: Tensor, state: HiddenState) -> Tensor:
        z = self.input(x).tanh()
        return torch.stack([z, self.keep(z)], dim=-2)

    def _feed(self) -> tuple[tuple[Tensor, Tensor], feeds.Squashed]:
        return (self.input.weight, self.input.bias), feeds.Squashed(self.keep.weight.t(), self.keep.bias)

    def _gates(self) -> MinimalRNNGates:
        return MinimalRNNGates()
