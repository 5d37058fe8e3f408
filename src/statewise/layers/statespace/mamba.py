"""Mamba: a gated block around a selective state-space model, with a short causal convolution before it.

Gu & Dao (2023), "Mamba: Linear-Time Sequence Modeling with Selective State Spaces", arXiv 2312.00752, algorithm 2 and
figure 3. E = expand * H channels, S states a channel, R = dt_rank:

    [v_t, g_t] = W_in x_t
    u_t = silu(bias + sum_k w_k * v_{t - (K - 1 - k)})              depthwise, K taps
    [r_t, B_t, C_t] = W_x u_t                                       R, S and S numbers
    dt_t = softplus(W_dt r_t + b_dt)                                (E,)
    h_t = exp(dt_t A) * h_{t-1} + (dt_t * u_t) B_t                  (E, S),  A = -exp(A_log)
    y_t = W_out ((h_t C_t + D * u_t) * silu(g_t))

The input is taken in by dt B, as in the authors' code, not by the zero-order hold of the paper's equation 4,
(dt A)^-1 (exp(dt A) - 1) dt B, of which dt B is the first order; A is held as in equation 4. Our ``dt``, E and S are
the paper's ``Delta``, D (of its algorithm) and N. Parameters have the names and layout of the authors' code, so weights
can be exchanged where ``input_size`` equals ``hidden_size``.
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from statewise import probe
from statewise.contract import Segments, SequenceLayer, Stepper, Vectors, from_weights
from statewise.layers.in_place_stepper import in_place_stepper
from statewise.layers.statespace.precision import upcast
from statewise.layers.statespace.short_convolution import ShortConvolution
from statewise.layers.statespace.time_scales import inverse_softplus, log_uniform
from statewise.modules.linear import Linear
from statewise.ops.in_place import InPlace
from statewise.ops.linear import linear
from statewise.ops.selective_scan import selective_scan


class MambaState(NamedTuple):
    """What a Mamba block carries."""

    tail: Tensor
    """``(B, K - 1, E)``: the last inputs of the convolution, in the dtype of the parameters."""
    h: Tensor
    """``(B, E, S)``, at least float32."""


class Mamba(SequenceLayer):
    """Mamba block: ``x (B, T, input_size) -> y (B, T, hidden_size)`` over ``expand * hidden_size`` selective channels.

    The recurrence and its state stay in float32 under autocast and in half precision. Of the states ``(B, T, E, S)``
    that the scan goes through, training keeps one in every 16 steps, by torch's operations one in 4 or more, and makes
    the others again (see ``statewise.ops.selective_scan``); all else that grows with T is ``(B, T, E)``.

    Args:
        input_size: width of the input.
        hidden_size: H, width of the output.
        expand: E / H.
        state_size: S, the number of states a channel.
        kernel_size: K, taps of the convolution.
        dt_rank: R, width of the bottleneck from which the time steps are made; ``ceil(H / 16)`` where it is ``None``.
        dt_min: the shortest time step at the start.
        dt_max: the longest one; each channel draws its own, uniform in its logarithm.

    Raises:
        ValueError: if a size is not positive, or unless ``0 < dt_min <= dt_max``.

    >>> block = Mamba(input_size=3, hidden_size=4)
    >>> y, state = block(torch.zeros(2, 5, 3))
    >>> y.shape, state.tail.shape, state.h.shape
    (torch.Size([2, 5, 4]), torch.Size([2, 3, 8]), torch.Size([2, 8, 16]))
    """

    state_knob = "state_size"
    undecayed = ("A_log", "D", "dt_proj.bias")

    def __init__(
        self,
        *,
        input_size: int,
        hidden_size: int,
        expand: int = 2,
        state_size: int = 16,
        kernel_size: int = 4,
        dt_rank: int | None = None,
        dt_min: float = 0.001,
        dt_max: float = 0.1,
    ) -> None:
        super().__init__(Vectors(input_size), output_size=hidden_size)
        if min(expand, state_size, kernel_size, 1 if dt_rank is None else dt_rank) < 1:
            raise ValueError(
                "expand, state_size, kernel_size and dt_rank must be at least 1, got "
                f"{expand}, {state_size}, {kernel_size} and {dt_rank}"
            )
        channels = expand * hidden_size
        rank = math.ceil(hidden_size / 16) if dt_rank is None else dt_rank
        self.channels = channels
        self.sizes = (rank, state_size, state_size)
        self.in_proj = Linear(input_size, 2 * channels, bias=False)
        self.conv1d = ShortConvolution(channels, kernel_size)
        self.x_proj = Linear(channels, sum(self.sizes), bias=False)
        self.dt_proj = Linear(rank, channels)
        self.dt_proj.bias = nn.Parameter(inverse_softplus(log_uniform((channels,), dt_min, dt_max)))
        self.A_log = nn.Parameter(torch.arange(1, state_size + 1.0).log().repeat(channels, 1))
        self.D = nn.Parameter(torch.ones(channels))
        self.out_proj = Linear(channels, hidden_size, bias=False)

    def initial_state(self, batch_size: int) -> MambaState:
        tail = self.zeros(batch_size, self.conv1d.reach, self.channels)
        return MambaState(tail, upcast(self.zeros(batch_size, *self.A_log.shape)))

    def step(self, x: Tensor, state: MambaState) -> tuple[Tensor, MambaState]:
        v, gate = self.in_proj(x).chunk(2, dim=-1)
        v, tail = self.conv1d.step(v, state.tail)
        u, dt, b, c = self._selected(v)
        probe.record(self, "dt", dt)
        keep = (dt.unsqueeze(-1) * self._a()).exp()
        h = keep * state.h + (dt * u).unsqueeze(-1) * b.unsqueeze(-2)
        s = (h * c.unsqueeze(-2)).sum(-1)
        return self._gated(s, u, gate), MambaState(tail, h)

    def _segments(self, x: Tensor, state: MambaState, segments: Segments | None) -> tuple[Tensor, MambaState]:
        v, gate = self.in_proj(x).chunk(2, dim=-1)
        v, tail = self.conv1d.sequence(v, state.tail, segments)
        u, dt, b, c = self._selected(v)
        s, h = selective_scan(u, dt, self._a(), b, c, state.h, segments)
        return self._gated(s, u, gate), MambaState(tail, h)

    def stepper(self, state: MambaState) -> Stepper:
        return in_place_stepper(self, state, self._in_place)

    def _in_place(self, stream: InPlace, state: MambaState) -> None:
        v, gate = (stream.affine(stream.x, part) for part in self.in_proj.weight.chunk(2))
        window = stream.window(v, state.tail)
        v = stream.convolved(window, self.conv1d.weight[:, 0], self.conv1d.bias)
        u = stream.gated(v, v)
        r, b, c = (stream.affine(u, part) for part in self.x_proj.weight.split(self.sizes))
        dt = stream.softplus(stream.affine(r, self.dt_proj.weight, self.dt_proj.bias))
        s, h = stream.selective(u, dt, self._a(), b, c, state.h)
        stream.add_scaled(u, self.D, s)
        read = stream.times(s, stream.gated(gate, gate))
        stream.ready(stream.affine(read, self.out_proj.weight), lambda: [window[:, 1:], h])

    @from_weights
    def _a(self) -> Tensor:
        return -upcast(self.A_log).exp()

    def _selected(self, v: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """From the convolution ``(..., E)``: ``u`` and ``dt (..., E)``, ``B`` and ``C (..., S)``, at least float32."""
        u = F.silu(v)
        r, b, c = self.x_proj(u).split(self.sizes, dim=-1)
        dt = F.softplus(upcast(linear(r, self.dt_proj.weight)) + upcast(self.dt_proj.bias))
        return upcast(u), dt, upcast(b), upcast(c)

    def _gated(self, s: Tensor, u: Tensor, gate: Tensor) -> Tensor:
        """``W_out ((s + D * u) * silu(g))``, ``(..., H)``."""
        return self.out_proj((s + upcast(self.D) * u).to(gate.dtype) * F.silu(gate))
