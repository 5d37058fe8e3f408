"""Mamba-2: one decay a head, so that its states are matrices that are worked out in chunks by matrix products.

Dao & Gu (2024), "Transformers are SSMs: Generalized Models and Efficient Algorithms Through Structured State Space
Duality", arXiv 2405.21060, section 7 and figure 6. E = expand * H channels in N heads of P = E / N, S states a channel:

    [z_t, v_t, r_t] = W_in x_t                              E, E + 2 S and N numbers
    [u_t, B_t, C_t] = silu(bias + sum_k w_k * v_{t - (K - 1 - k)})     depthwise, K taps
    dt_t = softplus(r_t + b_dt)                             (N,)
    h_t = exp(dt_t A) h_{t-1} + B_t (dt_t u_t)^T            (S, P) in every head,  A = -exp(A_log)
    y_t = W_out rmsnorm((h_t^T C_t + D u_t) * silu(z_t))

B and C serve all heads; the input is taken in by dt B, as in the authors' code. Our h is the transpose of theirs;
``dt``, S and E are the paper's ``Delta``, N and ED. Parameters have the names and layout of the authors' code with one
group: weights can be exchanged where ``input_size`` equals ``hidden_size``.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from statewise import probe
from statewise.contract import Segments, SequenceLayer, Stepper, Vectors, from_weights
from statewise.layers.in_place_stepper import in_place_stepper
from statewise.layers.statespace.matrix_state import read, write
from statewise.layers.statespace.precision import upcast
from statewise.layers.statespace.short_convolution import ShortConvolution
from statewise.layers.statespace.time_scales import inverse_softplus, log_uniform
from statewise.modules.linear import Linear
from statewise.modules.norm import RMSNorm
from statewise.ops.in_place import InPlace
from statewise.ops.matrix_in_place import by_head, decay, write_and_read
from statewise.ops.matrix_recurrence import matrix_recurrence


class Mamba2State(NamedTuple):
    """What a Mamba-2 block carries."""

    tail: Tensor
    """``(B, K - 1, E + 2 S)``: the last inputs of the convolution, in the dtype of the parameters."""
    h: Tensor
    """``(B, N, S, P)``, at least float32."""


class Mamba2(SequenceLayer):
    """Mamba-2: ``x (B, T, input_size) -> y (B, T, hidden_size)`` over ``expand * hidden_size`` selective channels.

    The recurrence and its state stay in float32 under autocast and in half precision.

    Args:
        input_size: width of the input.
        hidden_size: H, width of the output.
        expand: E / H.
        heads: N, which divides E; each has a decay of its own. The authors take heads of 64 channels.
        state_size: S, the number of states a channel.
        kernel_size: K, taps of the convolution.
        dt_min: the shortest time step at the start.
        dt_max: the longest one; each head draws its own, uniform in its logarithm.

    Raises:
        ValueError: if a size is not positive, the heads do not divide E, or unless ``0 < dt_min <= dt_max``.

    A ``probe`` sees ``"dt"``, ``(B, T, N)``.

    >>> block = Mamba2(input_size=3, hidden_size=4)
    >>> y, state = block(torch.zeros(2, 5, 3))
    >>> y.shape, state.tail.shape, state.h.shape
    (torch.Size([2, 5, 4]), torch.Size([2, 3, 72]), torch.Size([2, 2, 32, 4]))
    """

    state_knob = "state_size"
    undecayed = ("A_log", "D", "dt_bias")

    def __init__(
        self,
        *,
        input_size: int,
        hidden_size: int,
        expand: int = 2,
        heads: int = 2,
        state_size: int = 32,
        kernel_size: int = 4,
        dt_min: float = 0.001,
        dt_max: float = 0.1,
    ) -> None:
        super().__init__(Vectors(input_size), output_size=hidden_size)
        if min(expand, heads, state_size, kernel_size) < 1:
            raise ValueError(
                "expand, heads, state_size and kernel_size must be at least 1, got "
                f"{expand}, {heads}, {state_size} and {kernel_size}"
            )
        channels = expand * hidden_size
        if channels % heads:
            raise ValueError(f"heads must divide the {channels} channels, got {heads}")
        self.heads = heads
        self.selected = (channels, state_size, state_size)
        self.in_proj = Linear(input_size, channels + sum(self.selected) + heads, bias=False)
        self.conv1d = ShortConvolution(sum(self.selected), kernel_size)
        self.dt_bias = nn.Parameter(inverse_softplus(log_uniform((heads,), dt_min, dt_max)))
        self.A_log = nn.Parameter(torch.empty(heads).uniform_(1, 16).log())
        self.D = nn.Parameter(torch.ones(heads))
        self.norm = RMSNorm(channels)
        self.out_proj = Linear(channels, hidden_size, bias=False)

    @classmethod
    def width_multiple(cls, options: Mapping[str, Any]) -> int:
        return options["heads"] // math.gcd(options["heads"], options["expand"])

    def initial_state(self, batch_size: int) -> Mamba2State:
        channels, states, _ = self.selected
        tail = self.zeros(batch_size, self.conv1d.reach, self.conv1d.in_channels)
        return Mamba2State(tail, upcast(self.zeros(batch_size, self.heads, states, channels // self.heads)))

    def step(self, x: Tensor, state: Mamba2State) -> tuple[Tensor, Mamba2State]:
        z, v, dt = self._projected(x)
        v, tail = self.conv1d.step(v, state.tail)
        u, b, c = self._selected(v)
        probe.record(self, "dt", dt)
        h = write(state.h, (dt * self._a()).exp().unsqueeze(-1), b, dt.unsqueeze(-1) * u)
        return self._gated(read(h, c), u, z), Mamba2State(tail, h)

    def _segments(self, x: Tensor, state: Mamba2State, segments: Segments | None) -> tuple[Tensor, Mamba2State]:
        z, v, dt = self._projected(x)
        v, tail = self.conv1d.sequence(v, state.tail, segments)
        u, b, c = self._selected(v)
        log_a = (dt * self._a()).unsqueeze(-1)
        s, h = matrix_recurrence(c, b, dt.unsqueeze(-1) * u, log_a, state.h, segments)
        return self._gated(s, u, z), Mamba2State(tail, h)

    def stepper(self, state: Mamba2State) -> Stepper:
        return in_place_stepper(self, state, self._in_place)

    def _in_place(self, stream: InPlace, state: Mamba2State) -> None:
        of_z, of_v, of_r = self.in_proj.weight.split([self.selected[0], sum(self.selected), self.heads])
        z, v = stream.affine(stream.x, of_z), stream.affine(stream.x, of_v)
        dt = stream.softplus(stream.affine(stream.x, of_r, self.dt_bias))
        window = stream.window(v, state.tail)
        v = stream.convolved(window, self.conv1d.weight[:, 0], self.conv1d.bias)
        u, b, c = stream.gated(v, v).split(self.selected, dim=1)
        b, c = (part.unsqueeze(1).expand(-1, self.heads, -1) for part in (b, c))
        driven = by_head(stream, dt, u.unflatten(1, (self.heads, -1)))
        s, h = write_and_read(stream, c, b, driven, decay(stream, dt, self.A_log.exp()).unsqueeze(-1), state.h)
        read = s.flatten(1)
        stream.add_scaled(u, self.D.repeat_interleave(s.shape[-1]), read)
        read = stream.normalised("rms", stream.times(read, stream.gated(z, z)), self.norm.weight)
        stream.ready(stream.affine(read, self.out_proj.weight), lambda: [window[:, 1:], h])

    @from_weights
    def _a(self) -> Tensor:
        return -upcast(self.A_log).exp()

    def _projected(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``z (..., E)``, the convolution's input ``(..., E + 2 S)`` and ``dt (..., N)``, that at least float32."""
        z, v, r = self.in_proj(x).split([self.selected[0], sum(self.selected), self.heads], dim=-1)
        return z, v, F.softplus(upcast(r) + upcast(self.dt_bias))

    def _selected(self, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """From the convolution: ``u (..., N, P)``, ``B`` and ``C (..., N, S)``, at least float32."""
        u, b, c = upcast(F.silu(v)).split(self.selected, dim=-1)
        b, c = (part.unsqueeze(-2).expand(*part.shape[:-1], self.heads, -1) for part in (b, c))
        return u.unflatten(-1, (self.heads, -1)), b, c

    def _gated(self, s: Tensor, u: Tensor, z: Tensor) -> Tensor:
        """``W_out rmsnorm((s + D u) * silu(z))``, ``(..., H)``."""
        channels = (s + upcast(self.D).unsqueeze(-1) * u).flatten(-2)
        return self.out_proj(self.norm(channels * F.silu(upcast(z))).to(z.dtype))
