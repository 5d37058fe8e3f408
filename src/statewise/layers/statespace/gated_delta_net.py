"""Gated DeltaNet: a matrix for a state that forgets all at once by a gate and one association at a time by a key.

Yang, Kautz & Hatamizadeh (2024), "Gated Delta Networks: Improving Mamba2 with Delta Rule", arXiv 2412.06464, eq. 10 and
figure 1. N heads, keys of H / N numbers, values of E / N, E = expand * H:

    [m_t, z_t, r_t, p_t] = W_in x_t                             2 H + E, E, N and N numbers
    [q_t, k_t, v_t] = silu(sum_j w_j * m_{t - (J - 1 - j)})     depthwise, J taps; q_t, k_t then of length 1 in a head
    a_t = exp(-exp(A_log) softplus(r_t + b_dt)),    b_t = sigmoid(p_t)                  one number a head
    h_t = a_t (I - b_t k_t k_t^T) h_{t-1} + b_t k_t v_t^T       (H / N, E / N) in every head
    y_t = W_out (rmsnorm(h_t^T q_t) * silu(z_t))                normed in a head

Our ``a``, ``b`` and the transpose of ``h`` are the paper's ``alpha``, ``beta`` and S. The authors' code has a matrix
and a convolution each for q, k, v, z, r and p where ours are stacked.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from statewise import probe
from statewise.contract import Segments, SequenceLayer, Stepper, Vectors
from statewise.layers.in_place_stepper import in_place_stepper
from statewise.layers.statespace.matrix_state import read, write
from statewise.layers.statespace.precision import upcast
from statewise.layers.statespace.short_convolution import ShortConvolution
from statewise.layers.statespace.time_scales import inverse_softplus, log_uniform
from statewise.modules.linear import Linear
from statewise.modules.norm import RMSNorm
from statewise.ops.delta_rule import delta_rule
from statewise.ops.in_place import InPlace
from statewise.ops.matrix_in_place import decay, of_length_one, replace_and_read

NEAR_ZERO = 1e-6
"""Added to the square of a length before what is divided by it"""


class GatedDeltaNetState(NamedTuple):
    """What a Gated DeltaNet carries."""

    tail: Tensor
    """``(B, J - 1, 2 H + E)``: the last inputs of the convolution, in the dtype of the parameters."""
    h: Tensor
    """``(B, N, H / N, E / N)``, at least float32."""


class GatedDeltaNet(SequenceLayer):
    """Gated delta rule: ``h_t = a_t (I - b_t k_t k_t^T) h_{t-1} + b_t k_t v_t^T``, read with ``q_t``.

    ``x (B, T, input_size) -> y (B, T, hidden_size)``. The recurrence and its state stay in float32 under autocast
    and in half precision.

    Args:
        input_size: width of the input.
        hidden_size: H, width of keys and output.
        heads: N, which divides H.
        expand: E / H, width of the values.
        kernel_size: J, taps of the convolution.
        dt_min: the shortest time step at the start.
        dt_max: the longest one; each head draws its own, uniform in its logarithm, and forgets as in Mamba-2.

    Raises:
        ValueError: if a size is not positive, the heads do not divide H, or unless ``0 < dt_min <= dt_max``.

    A ``probe`` sees ``"keep_gate"`` a and ``"write_gate"`` b, each ``(B, T, N)``.

    >>> layer = GatedDeltaNet(input_size=3, hidden_size=4)
    >>> y, state = layer(torch.zeros(2, 5, 3))
    >>> y.shape, state.tail.shape, state.h.shape
    (torch.Size([2, 5, 4]), torch.Size([2, 3, 16]), torch.Size([2, 2, 2, 4]))
    """

    undecayed = ("A_log", "dt_bias")

    def __init__(
        self,
        *,
        input_size: int,
        hidden_size: int,
        heads: int = 2,
        expand: int = 2,
        kernel_size: int = 4,
        dt_min: float = 0.001,
        dt_max: float = 0.1,
    ) -> None:
        super().__init__(Vectors(input_size), output_size=hidden_size)
        if min(heads, expand, kernel_size) < 1:
            raise ValueError(f"heads, expand and kernel_size must be at least 1, got {heads}, {expand}, {kernel_size}")
        if hidden_size % heads:
            raise ValueError(f"heads must divide the width, got {heads} heads and width {hidden_size}")
        values = expand * hidden_size
        self.heads = heads
        self.selected = (hidden_size, hidden_size, values)
        self.in_proj = Linear(input_size, sum(self.selected) + values + 2 * heads, bias=False)
        self.conv1d = ShortConvolution(sum(self.selected), kernel_size, bias=False)
        self.dt_bias = nn.Parameter(inverse_softplus(log_uniform((heads,), dt_min, dt_max)))
        self.A_log = nn.Parameter(torch.empty(heads).uniform_(1, 16).log())
        self.norm = RMSNorm(values // heads)
        self.out_proj = Linear(values, hidden_size, bias=False)

    @classmethod
    def width_multiple(cls, options: Mapping[str, Any]) -> int:
        return options["heads"]

    def initial_state(self, batch_size: int) -> GatedDeltaNetState:
        tail = self.zeros(batch_size, self.conv1d.reach, self.conv1d.in_channels)
        _, key, value = (width // self.heads for width in self.selected)
        return GatedDeltaNetState(tail, upcast(self.zeros(batch_size, self.heads, key, value)))

    def step(self, x: Tensor, state: GatedDeltaNetState) -> tuple[Tensor, GatedDeltaNetState]:
        m, z, log_a, b = self._projected(x)
        m, tail = self.conv1d.step(m, state.tail)
        q, k, v = self._selected(m)
        a = log_a.exp()
        probe.record(self, "keep_gate", a.squeeze(-1))
        probe.record(self, "write_gate", b.squeeze(-1))
        replaced = a * read(state.h, k)
        h = write(state.h, a, k, b * (v - replaced))
        return self._gated(read(h, q), z), GatedDeltaNetState(tail, h)

    def _segments(
        self, x: Tensor, state: GatedDeltaNetState, segments: Segments | None
    ) -> tuple[Tensor, GatedDeltaNetState]:
        m, z, log_a, b = self._projected(x)
        m, tail = self.conv1d.sequence(m, state.tail, segments)
        q, k, v = self._selected(m)
        s, h = delta_rule(q, k, v, log_a, b, state.h, segments)
        return self._gated(s, z), GatedDeltaNetState(tail, h)

    def stepper(self, state: GatedDeltaNetState) -> Stepper:
        return in_place_stepper(self, state, self._in_place)

    def _in_place(self, stream: InPlace, state: GatedDeltaNetState) -> None:
        of_m, of_z, of_r, of_p = self.in_proj.weight.split(self._projections())
        m, z = stream.affine(stream.x, of_m), stream.affine(stream.x, of_z)
        a = decay(stream, stream.softplus(stream.affine(stream.x, of_r, self.dt_bias)), self.A_log.exp())
        b = stream.sigmoid(stream.affine(stream.x, of_p))
        window = stream.window(m, state.tail)
        m = stream.convolved(window, self.conv1d.weight[:, 0], None)
        parts = stream.gated(m, m).split(self.selected, dim=1)
        q, k, v = (part.unflatten(1, (self.heads, -1)) for part in parts)
        q, k = (of_length_one(stream, part, NEAR_ZERO) for part in (q, k))
        s, h = replace_and_read(stream, q, k, v, a, b, state.h)
        read = stream.normalised("rms", s.flatten(0, 1), self.norm.weight).view(len(z), -1)
        read = stream.times(read, stream.gated(z, z))
        stream.ready(stream.affine(read, self.out_proj.weight), lambda: [window[:, 1:], h])

    def _projections(self) -> list[int]:
        """How many numbers the input is mapped to: the convolution's, z's, a's and b's."""
        return [sum(self.selected), self.selected[2], self.heads, self.heads]

    def _projected(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The convolution's input, ``z (..., E)``, ``log a`` and ``b (..., N, 1)``, those at least float32."""
        m, z, r, p = self.in_proj(x).split(self._projections(), dim=-1)
        log_a = -upcast(self.A_log).exp() * F.softplus(upcast(r) + upcast(self.dt_bias))
        return m, z, log_a.unsqueeze(-1), torch.sigmoid(upcast(p)).unsqueeze(-1)

    def _selected(self, m: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """From the convolution: ``q`` and ``k (..., N, H / N)`` of length 1, ``v (..., N, E / N)``."""
        parts = upcast(F.silu(m)).split(self.selected, dim=-1)
        q, k, v = (part.unflatten(-1, (self.heads, -1)) for part in parts)
        return _of_length_one(q), _of_length_one(k), v

    def _gated(self, s: Tensor, z: Tensor) -> Tensor:
        """``W_out (rmsnorm(s) * silu(z))``, ``(..., H)``."""
        return self.out_proj(self.norm(s).flatten(-2).to(z.dtype) * F.silu(z))


def _of_length_one(x: Tensor) -> Tensor:
    """Along the last axis, as in the authors' code: near zero vectors stay short, and there are derivatives at zero."""
    return x * torch.rsqrt(x.square().sum(-1, keepdim=True) + NEAR_ZERO)
