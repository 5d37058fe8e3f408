"""S4D: one diagonal state-space model a channel, sampled exactly, its outputs mixed by a gated linear map.

Gu, Gupta, Goel, Re (2022), "On the Parameterization and Initialization of Diagonal State Space Models",
arXiv 2206.11893, sections 3 and 4. A channel u of the input drives S/2 complex states, each of which
stands for a conjugate pair:

    h'(t) = A h(t) + u(t)                                  A = -exp(log_decay) + i frequency
    h_t = abar * h_{t-1} + bbar * u_t                      abar = exp(dt A),  bbar = (abar - 1) / A   (zero-order hold)
    s_t = 2 Re(sum_n C_n h_{t,n}) + D u_t
    y_t = GLU(W gelu(s_t) + b)                             over the channels

Our ``h``, ``u``, ``dt`` and S are the paper's ``x``, ``u``, ``Delta`` and N. Its B is absorbed by C.
"""

import math
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from statewise.contract import Segments, SequenceLayer, Stepper, Vectors, from_weights
from statewise.errors import choose
from statewise.init.spectra import s4d_inv, s4d_legs, s4d_lin
from statewise.layers.in_place_stepper import in_place_stepper
from statewise.layers.statespace.channel_mix import ChannelMix
from statewise.layers.statespace.precision import expm1, to_complex, to_pairs, upcast
from statewise.layers.statespace.time_scales import log_uniform
from statewise.ops.diagonal_convolution import diagonal_convolution
from statewise.ops.in_place import InPlace

EIGENVALUES = {"lin": s4d_lin, "inv": s4d_inv, "legs": s4d_legs}
"""Number of conjugate pairs -> where A starts"""


class S4DState(NamedTuple):
    """What an S4D layer carries."""

    h: Tensor
    """``(B, D, S/2, 2)`` real and imaginary parts, at least float32."""


class S4D(SequenceLayer):
    """Diagonal state-space layer: a long convolution of each channel, carried as S/2 complex states a channel.

    ``x (B, T, input_size) -> y (B, T, hidden_size)``. The channels are those of the input; the gated output map
    mixes them to ``hidden_size``. The recurrence and its state stay in float32 under autocast and in half precision.

    Args:
        input_size: D, the number of channels.
        hidden_size: width of the output.
        conjugate_pairs: S/2, half the number of real states a channel. The authors take 32.
        eigenvalues: where A starts: ``lin`` -1/2 + i pi n, ``inv`` -1/2 + i S/pi (S/(2n + 1) - 1), ``legs`` the
            eigenvalues of HiPPO-LegS without its low-rank part, which ``inv`` approximates.
        dt_min: the shortest time step at the start; a channel remembers for about ``2 / dt`` steps.
        dt_max: the longest one; each channel draws its own, uniform in its logarithm.

    Raises:
        ValueError: if there are no pairs, the eigenvalues are unknown, or unless ``0 < dt_min <= dt_max``.

    >>> layer = S4D(input_size=3, hidden_size=4, conjugate_pairs=4)
    >>> y, state = layer(torch.zeros(2, 5, 3))
    >>> y.shape, state.h.shape
    (torch.Size([2, 5, 4]), torch.Size([2, 3, 4, 2]))
    """

    undecayed = ("log_dt", "log_decay", "frequency")
    state_knob = "conjugate_pairs"

    def __init__(
        self,
        *,
        input_size: int,
        hidden_size: int,
        conjugate_pairs: int = 8,
        eigenvalues: Literal["lin", "inv", "legs"] = "lin",
        dt_min: float = 0.001,
        dt_max: float = 0.1,
    ) -> None:
        super().__init__(Vectors(input_size), output_size=hidden_size)
        if conjugate_pairs < 1:
            raise ValueError(f"conjugate_pairs must be at least 1, got {conjugate_pairs}")
        start = EIGENVALUES[choose("eigenvalues", eigenvalues, EIGENVALUES)](conjugate_pairs)
        self.log_dt = nn.Parameter(log_uniform((input_size,), dt_min, dt_max).log())
        self.log_decay = nn.Parameter((-start.real).log().repeat(input_size, 1))
        self.frequency = nn.Parameter(start.imag.repeat(input_size, 1))
        self.readout = nn.Parameter(torch.randn(input_size, conjugate_pairs, 2) * math.sqrt(0.5))
        self.mix = ChannelMix(input_size, hidden_size)

    def initial_state(self, batch_size: int) -> S4DState:
        return S4DState(upcast(self.zeros(batch_size, *self.readout.shape)))

    def step(self, x: Tensor, state: S4DState) -> tuple[Tensor, S4DState]:
        log_a, b = self._sampled()
        h = to_complex(state.h)
        h = h + (expm1(log_a) * h + b * upcast(x).unsqueeze(-1))
        s = 2 * (to_complex(self.readout) * h).sum(-1).real
        return self.mix(s, x), S4DState(to_pairs(h))

    def _segments(self, x: Tensor, state: S4DState, segments: Segments | None) -> tuple[Tensor, S4DState]:
        log_a, b = self._sampled()
        s, h = diagonal_convolution(upcast(x), log_a, b, to_complex(self.readout), to_complex(state.h), segments)
        return self.mix(s, x), S4DState(to_pairs(h))

    def stepper(self, state: S4DState) -> Stepper:
        return in_place_stepper(self, state, self._in_place)

    def _in_place(self, stream: InPlace, state: S4DState) -> None:
        log_a, b = self._sampled()
        none = torch.zeros_like(b)
        s, h = stream.low_rank(stream.x, expm1(log_a), none, none, b, to_complex(self.readout), to_complex(state.h))
        stream.ready(self.mix.in_place(stream, s), lambda: [to_pairs(h())])

    @from_weights
    def _sampled(self) -> tuple[Tensor, Tensor]:
        """``log abar`` and ``bbar``, complex ``(D, S/2)``."""
        a = torch.complex(-upcast(self.log_decay).exp(), upcast(self.frequency))
        log_a = upcast(self.log_dt).exp().unsqueeze(-1) * a
        return log_a, expm1(log_a) / a
