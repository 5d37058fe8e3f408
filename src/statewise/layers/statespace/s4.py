"""S4: one state-space model a channel, its matrix diagonal plus a rank of one, sampled by the bilinear transform.

Gu, Goel, Re (2022), "Efficiently Modeling Long Sequences with Structured State Spaces", arXiv 2111.00396, sections 2.3
and 3, appendix C. A channel u of the input drives S/2 complex states, each of which stands for a conjugate pair:

    h'(t) = A h(t) + B u(t)                 A = diag(L) - P P^*,  L = -exp(log_decay) + i frequency
    h_t = abar h_{t-1} + bbar u_t           abar = (I - dt/2 A)^-1 (I + dt/2 A),  bbar = (I - dt/2 A)^-1 dt B
        = h_{t-1} + (I - dt/2 A)^-1 (dt A h_{t-1} + dt B u_t)
    s_t = 2 Re(sum_n C_n h_{t,n}) + D u_t
    y_t = GLU(W gelu(s_t) + b)              over the channels

L, P, B start as HiPPO-LegS in the basis of the eigenvectors of its normal part. Our ``h``, ``u``, ``dt``, L and S are
the paper's ``x``, ``u``, ``Delta``, Lambda and N; its P Q^* is P P^* here, as tied by Goel et al. (2022, "It's Raw!",
section 4.1), which keeps all eigenvalues on the left. A step costs O(S) by the Woodbury identity, and one compiled
loop takes them in turn; elsewhere a sequence's kernel is unrolled in blocks and not found through its generating
function: that needs an FFT, which spreads rounding errors and whatever is not a number from the future into the past.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from statewise.contract import Segments, SequenceLayer, Stepper, Vectors, from_weights
from statewise.init.hippo import legs, legs_low_rank, legs_normal
from statewise.layers.in_place_stepper import in_place_stepper
from statewise.layers.statespace.channel_mix import ChannelMix
from statewise.layers.statespace.precision import to_complex, to_pairs, upcast
from statewise.layers.statespace.time_scales import log_uniform
from statewise.ops.in_place import InPlace
from statewise.ops.state_space_convolution import state_space_convolution


class S4State(NamedTuple):
    """What an S4 layer carries."""

    h: Tensor
    """``(B, D, S/2, 2)`` real and imaginary parts, at least float32."""


class S4(SequenceLayer):
    """State-space layer that starts as HiPPO-LegS: a long convolution a channel, carried as S/2 complex states each.

    ``x (B, T, input_size) -> y (B, T, hidden_size)``. The channels are those of the input; the gated output map
    mixes them to ``hidden_size``. The recurrence and its state stay in float32 under autocast and in half precision.

    Args:
        input_size: D, the number of channels.
        hidden_size: width of the output.
        conjugate_pairs: S/2, half the number of real states a channel. The authors take 32.
        dt_min: the shortest time step at the start; a channel remembers for about ``1 / dt`` steps.
        dt_max: the longest one; each channel draws its own, uniform in its logarithm.

    Raises:
        ValueError: if there are no pairs, or unless ``0 < dt_min <= dt_max``.

    >>> layer = S4(input_size=3, hidden_size=4, conjugate_pairs=4)
    >>> y, state = layer(torch.zeros(2, 5, 3))
    >>> y.shape, state.h.shape
    (torch.Size([2, 5, 4]), torch.Size([2, 3, 4, 2]))
    """

    undecayed = ("log_dt", "log_decay", "frequency", "low_rank", "drive")
    state_knob = "conjugate_pairs"

    def __init__(
        self,
        *,
        input_size: int,
        hidden_size: int,
        conjugate_pairs: int = 8,
        dt_min: float = 0.001,
        dt_max: float = 0.1,
    ) -> None:
        super().__init__(Vectors(input_size), output_size=hidden_size)
        if conjugate_pairs < 1:
            raise ValueError(f"conjugate_pairs must be at least 1, got {conjugate_pairs}")
        eigenvalues, vectors = legs_normal(conjugate_pairs)
        low_rank, drive = (
            vectors.mH @ x.to(vectors.dtype) for x in (legs_low_rank(2 * conjugate_pairs), legs(2 * conjugate_pairs)[1])
        )
        self.log_dt = nn.Parameter(log_uniform((input_size,), dt_min, dt_max).log())
        self.log_decay = _of_every_channel((-eigenvalues.real).log(), input_size)
        self.frequency = _of_every_channel(eigenvalues.imag, input_size)
        self.low_rank = _of_every_channel(to_pairs(low_rank), input_size)
        self.drive = _of_every_channel(to_pairs(drive), input_size)
        self.readout = nn.Parameter(torch.randn(input_size, conjugate_pairs, 2) * math.sqrt(0.5))
        self.mix = ChannelMix(input_size, hidden_size)

    def initial_state(self, batch_size: int) -> S4State:
        return S4State(upcast(self.zeros(batch_size, *self.readout.shape)))

    def step(self, x: Tensor, state: S4State) -> tuple[Tensor, S4State]:
        system = self._sampled()
        h = to_complex(state.h)
        h = h + system.implicit(system.explicit(h) + system.drive * upcast(x).unsqueeze(-1))
        s = 2 * (to_complex(self.readout) * h).sum(-1).real
        return self.mix(s, x), S4State(to_pairs(h))

    def _segments(self, x: Tensor, state: S4State, segments: Segments | None) -> tuple[Tensor, S4State]:
        s, h = state_space_convolution(upcast(x), *self._as_one(), to_complex(state.h), segments)
        return self.mix(s, x), S4State(to_pairs(h))

    def stepper(self, state: S4State) -> Stepper:
        return in_place_stepper(self, state, self._in_place)

    def _in_place(self, stream: InPlace, state: S4State) -> None:
        s, h = stream.low_rank(stream.x, *self._as_one(), to_complex(state.h))
        stream.ready(self.mix.in_place(stream, s), lambda: [to_pairs(h())])

    def _as_one(self) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """``abar - I = 2 (I - dt/2 A)^-1 - 2 I``, of which that inverse is diagonal but for a rank of one, by Woodbury.

        As ``state_space_convolution`` takes it: the diagonal, the two vectors of the rest, input and readout.
        """
        system = self._sampled()
        change, read = system.diagonal * system.resolvent, system.p.conj() * system.resolvent
        return change, 2 * system.resolved, read, system.implicit(system.drive), to_complex(self.readout)

    @from_weights
    def _sampled(self) -> "Sampled":
        dt = upcast(self.log_dt).exp().unsqueeze(-1)
        diagonal = dt * torch.complex(-upcast(self.log_decay).exp(), upcast(self.frequency))
        p, resolvent = to_complex(self.low_rank), 1 / (1 - diagonal / 2)
        resolved = resolvent * p
        gain = 1 / (2 / dt + _inner(p, resolved))
        return Sampled(diagonal, p, dt * p, resolvent, gain * resolved, dt * to_complex(self.drive))


class Sampled(NamedTuple):
    """The two halves of a bilinear step of A = diag(L) - P P^*; each complex ``(D, S/2)``."""

    diagonal: Tensor
    """dt L."""
    p: Tensor
    """P."""
    driven_p: Tensor
    """dt P."""
    resolvent: Tensor
    """R = (I - dt/2 L)^-1."""
    resolved: Tensor
    """R P / (2 / dt + P^* R P)."""
    drive: Tensor
    """dt B."""

    def explicit(self, h: Tensor) -> Tensor:
        """``dt A h``."""
        return self.diagonal * h - self.driven_p * _inner(self.p, h)

    def implicit(self, h: Tensor) -> Tensor:
        """``(I - dt/2 A)^-1 h = R h - R P (P^* R h) / (2 / dt + P^* R P)``, by Woodbury."""
        h = self.resolvent * h
        return h - self.resolved * _inner(self.p, h)


def _inner(p: Tensor, h: Tensor) -> Tensor:
    """``P^* h`` over all states: twice the real part over one of each pair, ``(..., 1)``."""
    return 2 * (p.real * h.real + p.imag * h.imag).sum(-1, keepdim=True)


def _of_every_channel(start: Tensor, channels: int) -> nn.Parameter:
    return nn.Parameter(start.to(torch.get_default_dtype()).expand(channels, *start.shape).clone())
