"""GRU with layer or root mean square normalisation.

Ba, Kiros & Hinton 2016, "Layer normalization", supplementary material, on the GRU:

    (r_t, z_t) = sigmoid(s_u * N(U h_{t-1}) + s_x * N(W x_t) + b)    N over both gates together
    n_t        = tanh(s_xn * N(W_n x_t) + b_n + r_t * (s_un * N(U_n h_{t-1}) + b_u))
    h_t        = z_t * h_{t-1} + (1 - z_t) * n_t,  y_t = h_t

N is LayerNorm, or RMSNorm (Zhang & Sennrich 2019, eq. 4), which leaves the mean. The paper's alpha are s, its h^ is n;
of its betas those that add up are one; its z writes, ours keeps, as in ``statewise.layers.recurrent.gru``. Rows in the
order r, z, n.
"""

from typing import get_args

import torch
from torch import Tensor, nn

from statewise import probe
from statewise.errors import choose
from statewise.init.matrices import Recurrent
from statewise.init.time_scales import keep_biases, start_gates_
from statewise.layers.recurrent.gated import GatedLayer, HiddenState
from statewise.layers.recurrent.noise import Noise
from statewise.ops.gates.norm_gru import NormGRUGates
from statewise.ops.linear import linear
from statewise.ops.normalisation import Norm, normalised
from statewise.ops.normalisation import reference as normalise
from statewise.ops.streams import feeds


class NormGRU(GatedLayer):
    """A GRU whose gates and candidate are normalised.

    Args:
        input_size: D.
        hidden_size: H, width of state and output.
        norm: ``layer`` or ``rms``.
        recurrent_gain: what s_u and s_un are at the start; the others start at 1.
        keep_bias: added to the bias of the update gate z at the start; above 0 the unit keeps more.
        longest_memory: where given, b = log u is added, u uniform in [1, longest_memory - 1], so that units remember
            for 2 to so many steps (Tallec & Ollivier 2018).
        initialization: U at the start, gate by gate.
        zoneout: share of h that is kept, see ``statewise.layers.recurrent.noise``.
        variational_dropout: share of h that the product does not see.

    Raises:
        ValueError: if the norm or initialisation is unknown, or a rate of noise outside [0, 1).

    >>> y, state = NormGRU(input_size=3, hidden_size=4)(torch.randn(2, 7, 3))
    >>> y.shape, state.h.shape
    (torch.Size([2, 7, 4]), torch.Size([2, 4]))
    """

    state_type = HiddenState

    def __init__(
        self,
        *,
        input_size: int,
        hidden_size: int,
        norm: Norm = "layer",
        recurrent_gain: float = 1.0,
        keep_bias: float = 0.0,
        longest_memory: int | None = None,
        initialization: Recurrent = "orthogonal",
        zoneout: float = 0.0,
        variational_dropout: float = 0.0,
    ) -> None:
        noise = Noise(zoneout=zoneout, variational_dropout=variational_dropout)
        super().__init__(input_size, hidden_size, inputs=3, products=3, initialization=initialization, noise=noise)
        self.norm = choose("norm", norm, get_args(Norm))
        self.input_gain = nn.Parameter(torch.ones(3 * hidden_size))
        self.recurrent_gain = nn.Parameter(torch.full((3 * hidden_size,), recurrent_gain))
        self.recurrent_bias = nn.Parameter(torch.zeros(hidden_size))
        start_gates_(self.input.bias, {1: keep_biases(hidden_size, keep_bias, longest_memory)})

    def step(self, x: Tensor, state: HiddenState) -> tuple[Tensor, HiddenState]:
        x_gates, x_new = self._normed(x @ self.input.weight.T, self.input_gain)
        u_gates, u_new = self._normed(self._product(state), self.recurrent_gain)
        bias_gates, bias_new = self._split(self.input.bias)
        r, z = (x_gates + bias_gates + u_gates).sigmoid().chunk(2, dim=-1)
        n = (x_new + bias_new + r * (u_new + self.recurrent_bias)).tanh()
        probe.record(self, "reset_gate", r)
        probe.record(self, "keep_gate", z)
        h = n + z * (state.h - n)
        return self._after(state, h)

    def _normed(self, a: Tensor, gain: Tensor) -> tuple[Tensor, Tensor]:
        """Of both gates together, ``(..., 2 H)``, and of the candidate alone, ``(..., H)``."""
        (gates, new), (gain_gates, gain_new) = self._split(a), self._split(gain)
        return normalise(self.norm, gates, gain_gates), normalise(self.norm, new, gain_new)

    def _split(self, a: Tensor) -> tuple[Tensor, ...]:
        """What of ``(..., 3 H)`` is of both gates and what of the candidate."""
        return a.split([2 * self.output_size, self.output_size], dim=-1)

    def _driven(self, x: Tensor, state: HiddenState) -> Tensor:
        driven = linear(x, self.input.weight)
        parts = zip(*(self._split(a) for a in (driven, self.input_gain, self.input.bias)), strict=True)
        normed = [normalised(self.norm, *part) for part in parts]
        return torch.cat(normed, dim=-1).unflatten(-1, (3, -1))

    def _feed(self) -> tuple[tuple[Tensor, Tensor], feeds.Normed]:
        weight, bias, gain = self.input.weight, self.input.bias, self.input_gain
        centred, bounds = gain.new_full((1,), self.norm == "layer"), torch.tensor([0, 2 * self.output_size, len(gain)])
        return (weight, torch.zeros_like(bias)), feeds.Normed(gain, bias, centred, bounds)

    def _gates(self) -> NormGRUGates:
        gain = self.recurrent_gain.unflatten(0, (3, -1))
        return NormGRUGates(gain, self.recurrent_bias, gain.new_full((1,), self.norm == "layer"))
