"""Hyena: long convolutions with filters that a small network speaks, and products between them.

Poli et al. (2023), "Hyena Hierarchy: Towards Larger Convolutional Language Models", arXiv 2302.10866, definition 3.1
and section 3.3. With N the order, filters of L steps and j = 0 ... L - 1:

    [z^1_t, g^1_t, ..., g^N_t] = bias + sum_k w_k * (W_in x)_{t - (K - 1 - k)}      depthwise, K = 3 taps
    z^{n+1}_t = g^n_t * sum_j f^n_j * z^n_{t-j}                                     n = 1 ... N
    y_t = W_out z^{N+1}_t
    f_j = exp(-delta j / (L - 1)) * W_3 sin(omega (W_2 sin(omega (W_1 p_j + b_1)) + b_2))

p_j holds j / (L - 1), cosines and sines of 2 pi j / L times 0 ... M - 1. The rates delta are spread over the channels
so that a filter falls to 1 % after 0.3 to 1.5 of its length. Our ``g``, ``z^1`` and ``f`` are the paper's ``x``, ``v``
and ``h``. The paper's filters are as long as the sequence; ours see the last L steps, so that the state is bounded.
The authors' code leaves out the first convolution: its ``order`` 2 has one, where the definition and ours have two. It
also adds each filter's input to its output by a learnt weight, learns omega and p, and has one more layer with a sine.
"""

import math
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from statewise.autocast import unrounded
from statewise.contract import Segments, SequenceLayer, Stepper, Vectors, from_weights
from statewise.layers.in_place_stepper import in_place_stepper
from statewise.layers.statespace.precision import upcast
from statewise.layers.statespace.short_convolution import ShortConvolution
from statewise.modules.linear import Linear
from statewise.ops.causal_convolution import causal_convolution
from statewise.ops.in_place import InPlace

TAPS = 3
"""K, of the short convolution"""


class HyenaState(NamedTuple):
    """What a Hyena operator carries."""

    tail: Tensor
    """``(B, K - 1, (N + 1) H)``: the last inputs of the short convolution."""
    window: Tensor
    """``(B, L - 1, N, H)``: the last inputs of the long ones."""


class Hyena(SequenceLayer):
    """Hyena operator: ``x (B, T, input_size) -> y (B, T, hidden_size)`` through ``order`` gated long convolutions.

    A sequence costs O(T L) by direct convolution: an FFT would spread rounding errors, and whatever is not a number,
    from the future into the past. The filters are spoken once a sequence and once a stream.

    Args:
        input_size: width of the input.
        hidden_size: H, width of the filters and the output.
        context_length: L, how many steps a filter sees, its own included.
        order: N, the number of long convolutions.
        filter_width: width of the network that speaks the filters.
        filter_bands: M, the number of frequencies at which it is told where it stands.
        sine_frequency: omega, how fast a filter may vary.

    Raises:
        ValueError: if a size is not positive.

    >>> layer = Hyena(input_size=3, hidden_size=4, context_length=8)
    >>> y, state = layer(torch.zeros(2, 5, 3))
    >>> y.shape, state.tail.shape, state.window.shape
    (torch.Size([2, 5, 4]), torch.Size([2, 2, 12]), torch.Size([2, 7, 2, 4]))
    """

    state_knob = "context_length"

    def __init__(
        self,
        *,
        input_size: int,
        hidden_size: int,
        context_length: int = 256,
        order: int = 2,
        filter_width: int = 16,
        filter_bands: int = 8,
        sine_frequency: float = 10.0,
    ) -> None:
        super().__init__(Vectors(input_size), output_size=hidden_size)
        if min(context_length, order, filter_width, filter_bands) < 1:
            raise ValueError(
                "context_length, order, filter_width and filter_bands must be at least 1, got "
                f"{context_length}, {order}, {filter_width} and {filter_bands}"
            )
        self.context_length = context_length
        self.order = order
        self.filter_bands = filter_bands
        self.sine_frequency = sine_frequency
        self.project_in = Linear(input_size, (order + 1) * hidden_size)
        self.short = ShortConvolution((order + 1) * hidden_size, TAPS)
        self.filter_in = nn.Linear(1 + 2 * filter_bands, filter_width)
        self.filter_mix = nn.Linear(filter_width, filter_width)
        self.filter_out = nn.Linear(filter_width, order * hidden_size, bias=False)
        self.project_out = Linear(hidden_size, hidden_size)

    @classmethod
    def options_to_see(cls, context: int) -> dict[str, Any]:
        return {"context_length": context}

    def initial_state(self, batch_size: int) -> HyenaState:
        tail = self.zeros(batch_size, self.short.reach, self.short.in_channels)
        return HyenaState(tail, self.zeros(batch_size, self.context_length - 1, self.order, self.output_size))

    def step(self, x: Tensor, state: HyenaState) -> tuple[Tensor, HyenaState]:
        projected, tail = self.short.step(self.project_in(x), state.tail)
        z, *gates = projected.chunk(self.order + 1, dim=-1)
        seen = []
        for gate, taps, window in zip(gates, self._filters(), state.window.unbind(2), strict=True):
            seen.append(z)
            extended = torch.cat([window, z.to(window.dtype).unsqueeze(1)], dim=1)
            z = gate * torch.einsum("blh,hl->bh", extended, taps)
        latest = torch.stack(seen, dim=1).to(state.window.dtype).unsqueeze(1)
        return self.project_out(z), HyenaState(tail, torch.cat([state.window, latest], dim=1)[:, 1:])

    def _segments(self, x: Tensor, state: HyenaState, segments: Segments | None) -> tuple[Tensor, HyenaState]:
        projected, tail = self.short.sequence(self.project_in(x), state.tail, segments)
        z, *gates = projected.chunk(self.order + 1, dim=-1)
        windows = []
        for gate, taps, window in zip(gates, self._filters(), state.window.unbind(2), strict=True):
            convolved, after = causal_convolution(z, window, taps.unsqueeze(1), None, segments, groups=self.output_size)
            windows.append(after)
            z = gate * convolved
        return self.project_out(z), HyenaState(tail, torch.stack(windows, dim=2))

    def stepper(self, state: HyenaState) -> Stepper:
        return in_place_stepper(self, state, self._in_place)

    def _in_place(self, stream: InPlace, state: HyenaState) -> None:
        short = stream.window(stream.affine(stream.x, self.project_in.weight, self.project_in.bias), state.tail)
        projected = stream.convolved(short, self.short.weight[:, 0], self.short.bias)
        z, *gates = projected.chunk(self.order + 1, dim=1)
        windows = []
        for gate, taps, before in zip(gates, self._filters(), state.window.unbind(2), strict=True):
            windows.append(stream.window(z, before))
            z = stream.times(gate, stream.convolved(windows[-1], taps, None))
        y = stream.affine(z, self.project_out.weight, self.project_out.bias)
        stream.ready(y, lambda: [short[:, 1:], torch.stack([window[:, 1:] for window in windows], dim=2)])

    @from_weights
    def _filters(self) -> list[Tensor]:
        """Each filter ``(H, L)``, its last tap that of the step itself.

        Worked out in at least float32, whose digits tell neighbouring steps of a long filter apart.
        """
        weight = upcast(self.filter_in.weight)
        step = torch.arange(self.context_length, device=weight.device, dtype=weight.dtype)
        where = (step / max(1, self.context_length - 1)).unsqueeze(-1)
        band = torch.arange(self.filter_bands, device=weight.device, dtype=weight.dtype)
        angle = 2 * math.pi / self.context_length * step.unsqueeze(-1) * band
        told = torch.cat([where, angle.cos(), angle.sin()], dim=-1)
        with unrounded(weight):
            hidden = torch.sin(self.sine_frequency * _mapped(self.filter_in, told))
            hidden = torch.sin(self.sine_frequency * _mapped(self.filter_mix, hidden))
            spoken = _mapped(self.filter_out, hidden).unflatten(-1, (self.order, -1))
        rates = math.log(100) / torch.linspace(1.5, 0.3, self.output_size, device=weight.device, dtype=weight.dtype)
        filters = (spoken * (-rates * where).exp().unsqueeze(1)).to(self.filter_in.weight.dtype)
        return list(filters.flip(0).permute(1, 2, 0).unbind(0))


def _mapped(linear: nn.Linear, x: Tensor) -> Tensor:
    """W x + b in the precision of x."""
    return F.linear(x, linear.weight.to(x.dtype), None if linear.bias is None else linear.bias.to(x.dtype))
