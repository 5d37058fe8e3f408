"""Leaky echo state network.

Jaeger 2001, "The echo state approach ..."; leaky form of Jaeger, Lukosevicius, Popovici & Siewert 2007, eq. 2:

    h_t = (1 - a) h_{t-1} + a f(W_in x_t + W h_{t-1} + b),  y_t = h_t

W_in, W and b are fixed: buffers, not parameters. Our a (``leak_rate``) is the paper's a, alpha in others. ReservoirPy
says ``units`` for ``hidden_size``, ``lr`` for ``leak_rate``, ``sr`` for ``spectral_radius`` and ``rc_connectivity`` for
``recurrent_connectivity``; the other names are the same.
"""

from typing import Literal, NamedTuple, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from statewise.contract import Segments, SequenceLayer, Stepper, Vectors
from statewise.errors import choose
from statewise.init.matrices import Distribution, Topology, fed_units, input_matrix, reservoir_entries, reservoir_matrix
from statewise.layers.recurrence_stepper import recurrence_stepper
from statewise.ops.dense_recurrence import dense_recurrence
from statewise.ops.gates.rnn import TanhGates
from statewise.ops.linear import linear
from statewise.ops.streams.dense import dense_stepping
from statewise.ops.streams.holds import MOVING, Shares
from statewise.ops.streams.stepping import Stepping
from statewise.ops.unroll import unroll

Activation = Literal["tanh", "identity"]


class EchoState(NamedTuple):
    """What a reservoir carries."""

    h: Tensor
    """(B, H)"""


class EchoStateNetwork(SequenceLayer):
    """h_t = (1 - a) h_{t-1} + a f(W_in x_t + W h_{t-1} + b) with fixed random weights.

    Args:
        input_size: D.
        hidden_size: H, width of the reservoir and of the output.
        spectral_radius: of W; below 1 the reservoir usually forgets its past.
        leak_rate: a in (0, 1]; small values make slow units.
        input_scaling: size of the entries of W_in; ``None`` is 1 / sqrt(D), with which few inputs and many drive the
            units alike, where a larger one has many saturate them.
        bias_scaling: size of the entries of b.
        recurrent_connectivity: fraction of the entries of W that are not zero, in (0, 1].
        input_connectivity: fraction of the units that each input feeds, in (0, 1]; at least one unit.
        input_distribution: entries of W_in are ``uniform`` in +-input_scaling or, ``bernoulli``, one of the two.
        activation: f, ``tanh`` or ``identity``.
        topology: of W: ``random``, ``orthogonal`` or ``ring``.
        seed: of the fixed weights; ``None`` draws them from torch's global generator, as any layer draws its own.

    Raises:
        ValueError: if a rate or connectivity is outside its range.

    >>> y, state = EchoStateNetwork(input_size=3, hidden_size=50)(torch.randn(2, 7, 3))
    >>> y.shape, sum(p.numel() for p in EchoStateNetwork(input_size=3, hidden_size=50).parameters())
    (torch.Size([2, 7, 50]), 0)
    """

    input_weights: Tensor
    weights: Tensor
    bias: Tensor

    def __init__(
        self,
        *,
        input_size: int,
        hidden_size: int,
        spectral_radius: float = 0.9,
        leak_rate: float = 1.0,
        input_scaling: float | None = None,
        bias_scaling: float = 0.0,
        recurrent_connectivity: float = 0.1,
        input_connectivity: float = 1.0,
        input_distribution: Distribution = "uniform",
        activation: Activation = "tanh",
        topology: Topology = "random",
        seed: int | None = None,
    ) -> None:
        super().__init__(Vectors(input_size), hidden_size)
        _check_fraction("leak_rate", leak_rate)
        _check_fraction("recurrent_connectivity", recurrent_connectivity)
        _check_fraction("input_connectivity", input_connectivity)
        self.leak_rate = leak_rate
        self.activation = choose("activation", activation, get_args(Activation))
        scaling = input_size**-0.5 if input_scaling is None else input_scaling
        generator = _generator(seed)
        matrix = reservoir_matrix(
            hidden_size,
            spectral_radius=spectral_radius,
            connectivity=recurrent_connectivity,
            topology=topology,
            generator=generator,
        )
        entries = input_matrix(
            hidden_size,
            input_size,
            connectivity=input_connectivity,
            distribution=input_distribution,
            generator=generator,
        )
        bias = bias_scaling * (2 * torch.rand(hidden_size, generator=generator) - 1)
        self._keep(scaling * entries, matrix, bias)
        recurrent = reservoir_entries(hidden_size, connectivity=recurrent_connectivity, topology=topology)
        fed = input_size * fed_units(hidden_size, input_connectivity)
        scaled = ((spectral_radius, recurrent), (scaling, fed), (bias_scaling, hidden_size))
        self._drawn_weights = sum(entries for scale, entries in scaled if scale)

    def _keep(self, input_weights: Tensor, weights: Tensor, bias: Tensor) -> None:
        dtype = torch.get_default_dtype()
        self.register_buffer("input_weights", input_weights.to(dtype))
        self.register_buffer("weights", weights.to(dtype))
        self.register_buffer("bias", bias.to(dtype))

    def fixed_weights(self) -> int:
        return self._drawn_weights if self.weights.is_meta else super().fixed_weights()

    def initial_state(self, batch_size: int) -> EchoState:
        return EchoState(self.zeros(batch_size, self.output_size))

    def step(self, x: Tensor, state: EchoState) -> tuple[Tensor, EchoState]:
        total = F.linear(x, self.input_weights, self.bias) + F.linear(state.h, self.weights)
        new = total.tanh() if self.activation == "tanh" else total
        h = new if self.leak_rate == 1 else (1 - self.leak_rate) * state.h + self.leak_rate * new
        return h, EchoState(h)

    def _segments(self, x: Tensor, state: EchoState, segments: Segments | None) -> tuple[Tensor, EchoState]:
        if self.activation == "identity":
            driven = linear(x, self.input_weights, self.bias)
            y, h = unroll(self._next_linear, driven, state.h, segments)
            return y, EchoState(h)
        h = state.h
        driven = linear(x.transpose(0, 1), self.input_weights, self.bias).to(h.dtype).unsqueeze(2)
        keep = None if self.leak_rate == 1 else h.new_full((1, 1, 1, h.shape[1]), 1 - self.leak_rate)
        no_memory = h.new_empty(h.shape[0], 0, h.shape[1])
        y, _ = dense_recurrence(TanhGates(), driven, self.weights, None, h, no_memory, keep=keep, segments=segments)
        return y.transpose(0, 1).to(x.dtype), EchoState(y[-1].clone())

    def stepper(self, state: EchoState) -> Stepper:
        if self.activation == "identity":
            return super().stepper(state)
        return recurrence_stepper(self, state, self._in_place)

    def _in_place(self, state: EchoState) -> Stepping:
        h, inputs = state.h, (self.input_weights, self.bias)
        hold = MOVING if self.leak_rate == 1 else Shares(h.new_full((1, h.shape[1]), 1 - self.leak_rate))
        return dense_stepping(TanhGates(), inputs, self.weights, None, h, hold=hold)

    def _next_linear(self, driven: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        """One step without tanh, as output and as state, from W_in x_t + b."""
        new = torch.addmm(driven, h, self.weights.T)
        h = new if self.leak_rate == 1 else h.lerp(new.to(h.dtype), self.leak_rate)
        return h, h


def _check_fraction(name: str, value: float) -> None:
    if not 0 < value <= 1:
        raise ValueError(f"{name} must be above 0 and at most 1, got {value}")


def _generator(seed: int | None) -> torch.Generator | None:
    """torch's global one without a seed; and on the meta device, where nothing is drawn."""
    if seed is None or torch.get_default_device().type == "meta":
        return None
    return torch.Generator().manual_seed(seed)
