"""LSTM with layer or root mean square normalisation.

Ba, Kiros & Hinton 2016, "Layer normalization", eq. 20-22:

    a_t   = s_u * N(U h_{t-1}) + s_x * N(W x_t) + b      N over all four gates together
    c_t   = sigmoid(a_f) * c_{t-1} + sigmoid(a_i) * tanh(a_g)
    h_t   = sigmoid(a_o) * tanh(s_c * N(c_t) + b_c),  y_t = h_t

N is LayerNorm, or RMSNorm (Zhang & Sennrich 2019, eq. 4), which leaves the mean. The paper's alpha are s; of its
beta_1, beta_2 and b, which add up, one is kept. Rows in the order i, f, g, o (the paper: f, i, o, g).

s_x and s_c start at 1, as the paper's, Haste's and TensorFlow's (where N is of each gate alone), s_u at 1/2. N makes
U h of size 1 however small h is, and h is of size 1/3: with s_u = 1 a small difference in the state grows from step to
step, with 1/2 it is forgotten. Cooijmans et al. 2017 start all gains of batch normalisation at 0.1.
"""

from typing import get_args

import torch
from torch import Tensor, nn

from statewise import probe
from statewise.errors import choose
from statewise.init.matrices import Recurrent
from statewise.init.time_scales import forget_and_input_biases, start_gates_
from statewise.layers.recurrent.gated import GatedLayer, MemoryState
from statewise.layers.recurrent.noise import Noise
from statewise.ops.gates.norm_lstm import NormLSTMGates
from statewise.ops.linear import linear
from statewise.ops.normalisation import Norm, normalised
from statewise.ops.normalisation import reference as normalise
from statewise.ops.streams import feeds


class NormLSTM(GatedLayer):
    """An LSTM whose gates and memory are normalised.

    Args:
        input_size: D.
        hidden_size: H, width of state and output.
        norm: ``layer`` or ``rms``.
        recurrent_gain: what s_u is at the start; at 1 the cell is chaotic.
        forget_bias: of the forget gate, at the start; ``None`` leaves what is drawn.
        longest_memory: in its place, memories of 2 to so many steps (Tallec & Ollivier 2018), as those of the LSTM.
        initialization: U at the start, gate by gate.
        zoneout: share of h that is kept, see ``statewise.layers.recurrent.noise``.
        zoneout_memory: share of c that is kept.
        variational_dropout: share of h that the product does not see.

    Raises:
        ValueError: if both a forget bias and a longest memory are given, the norm or initialisation is unknown, or a
            rate of noise outside [0, 1).

    >>> y, state = NormLSTM(input_size=3, hidden_size=4)(torch.randn(2, 7, 3))
    >>> y.shape, state.c.shape
    (torch.Size([2, 7, 4]), torch.Size([2, 4]))
    """

    state_type = MemoryState

    def __init__(
        self,
        *,
        input_size: int,
        hidden_size: int,
        norm: Norm = "layer",
        recurrent_gain: float = 0.5,
        forget_bias: float | None = 1.0,
        longest_memory: int | None = None,
        initialization: Recurrent = "orthogonal",
        zoneout: float = 0.0,
        zoneout_memory: float = 0.0,
        variational_dropout: float = 0.0,
    ) -> None:
        noise = Noise(zoneout, zoneout_memory, variational_dropout)
        super().__init__(input_size, hidden_size, inputs=4, products=4, initialization=initialization, noise=noise)
        self.norm = choose("norm", norm, get_args(Norm))
        self.input_gain = nn.Parameter(torch.ones(4 * hidden_size))
        self.recurrent_gain = nn.Parameter(torch.full((4 * hidden_size,), recurrent_gain))
        self.memory_gain = nn.Parameter(torch.ones(hidden_size))
        self.memory_bias = nn.Parameter(torch.zeros(hidden_size))
        forget, write = forget_and_input_biases(hidden_size, forget_bias, longest_memory)
        start_gates_(self.input.bias, {0: write, 1: forget})

    def step(self, x: Tensor, state: MemoryState) -> tuple[Tensor, MemoryState]:
        from_x = normalise(self.norm, x @ self.input.weight.T, self.input_gain) + self.input.bias
        i, f, g, o = (from_x + normalise(self.norm, self._product(state), self.recurrent_gain)).chunk(4, dim=-1)
        i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
        probe.record(self, "input_gate", i)
        probe.record(self, "forget_gate", f)
        probe.record(self, "output_gate", o)
        c = f * state.c + i * g
        h = o * (normalise(self.norm, c, self.memory_gain) + self.memory_bias).tanh()
        return self._after(state, h, c)

    def _driven(self, x: Tensor, state: MemoryState) -> Tensor:
        driven = linear(x, self.input.weight)
        return normalised(self.norm, driven, self.input_gain, self.input.bias).unflatten(-1, (4, -1))

    def _feed(self) -> tuple[tuple[Tensor, Tensor], feeds.Normed]:
        weight, bias, gain = self.input.weight, self.input.bias, self.input_gain
        centred, bounds = gain.new_full((1,), self.norm == "layer"), torch.tensor([0, len(gain)])
        return (weight, torch.zeros_like(bias)), feeds.Normed(gain, bias, centred, bounds)

    def _gates(self) -> NormLSTMGates:
        gain = self.recurrent_gain.unflatten(0, (4, -1))
        centred = gain.new_full((1,), self.norm == "layer")
        return NormLSTMGates(gain, self.memory_gain, self.memory_bias, centred)
