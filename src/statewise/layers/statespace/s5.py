"""S5: one diagonal state-space model for all channels, driven and read by full matrices, sampled exactly.

Smith, Warrington, Linderman (2023), "Simplified State Space Layers for Sequence Modeling", arXiv 2208.04933, sections 3
and B.1. P/2 complex states, each of which stands for a conjugate pair:

    h'(t) = A h(t) + B x(t)                     A = -exp(log_decay) + i frequency, diagonal
    h_t = abar * h_{t-1} + bbar * (B x_t)       abar = exp(dt A),  bbar = (abar - 1) / A        (zero-order hold)
    s_t = 2 Re(C h_t) + D x_t
    y_t = gelu(s_t) * sigmoid(W gelu(s_t) + b)

A starts at the eigenvalues of the normal part of HiPPO-LegS, B and C in the basis of its eigenvectors. Our ``h``, ``x``
and ``dt``, one a state, are the paper's ``x``, ``u`` and ``Delta``. D is a full matrix, as input and output may differ
in width; HiPPO starts as one block.
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from statewise.contract import Segments, SequenceLayer, Stepper, Vectors, from_weights
from statewise.init.hippo import legs_normal
from statewise.layers.in_place_stepper import in_place_stepper
from statewise.layers.statespace.precision import exp, expm1, to_complex, to_pairs, upcast
from statewise.layers.statespace.time_scales import log_uniform
from statewise.modules.linear import Linear
from statewise.ops.in_place import InPlace
from statewise.ops.linear import linear
from statewise.ops.linear_recurrence import linear_recurrence


class S5State(NamedTuple):
    """What an S5 layer carries."""

    h: Tensor
    """``(B, P/2, 2)`` real and imaginary parts, at least float32."""


class S5(SequenceLayer):
    """State-space layer of many inputs and many outputs: ``h_t = abar * h_{t-1} + bbar * (B x_t)``, gated when read.

    ``x (B, T, input_size) -> y (B, T, hidden_size)``. The recurrence and its state stay in float32 under autocast
    and in half precision.

    Args:
        input_size: width of the input.
        hidden_size: width of the output.
        conjugate_pairs: P/2, half the number of real states; half of ``hidden_size``, rounded up, where it is ``None``.
        dt_min: the shortest time step at the start; a state remembers for about ``2 / dt`` steps.
        dt_max: the longest one; each state draws its own, uniform in its logarithm.

    Raises:
        ValueError: if there are no pairs, or unless ``0 < dt_min <= dt_max``.

    >>> layer = S5(input_size=3, hidden_size=4, conjugate_pairs=6)
    >>> y, state = layer(torch.zeros(2, 5, 3))
    >>> y.shape, state.h.shape
    (torch.Size([2, 5, 4]), torch.Size([2, 6, 2]))
    """

    undecayed = ("log_dt", "log_decay", "frequency")
    state_knob = "conjugate_pairs"

    def __init__(
        self,
        *,
        input_size: int,
        hidden_size: int,
        conjugate_pairs: int | None = None,
        dt_min: float = 0.001,
        dt_max: float = 0.1,
    ) -> None:
        super().__init__(Vectors(input_size), output_size=hidden_size)
        self.pairs = math.ceil(hidden_size / 2) if conjugate_pairs is None else conjugate_pairs
        if self.pairs < 1:
            raise ValueError(f"conjugate_pairs must be at least 1, got {conjugate_pairs}")
        self.input_map = Linear(input_size, 2 * self.pairs, bias=False)
        self.output_map = Linear(2 * self.pairs, hidden_size, bias=False)
        self.skip = Linear(input_size, hidden_size, bias=False)
        self.gate = Linear(hidden_size, hidden_size)
        self.log_dt = nn.Parameter(log_uniform((self.pairs,), dt_min, dt_max).log())
        self._start_at_hippo()

    def initial_state(self, batch_size: int) -> S5State:
        return S5State(upcast(self.zeros(batch_size, self.pairs, 2)))

    def step(self, x: Tensor, state: S5State) -> tuple[Tensor, S5State]:
        keep, matrix = self._sampled()
        h = keep * to_complex(state.h) + self._driven(x, matrix)
        return self._read(h, x), S5State(to_pairs(h))

    def _segments(self, x: Tensor, state: S5State, segments: Segments | None) -> tuple[Tensor, S5State]:
        keep, matrix = self._sampled()
        h = linear_recurrence(keep, self._driven(x, matrix), to_complex(state.h), segments)
        return self._read(h, x), S5State(to_pairs(h[:, -1].clone()))

    def stepper(self, state: S5State) -> Stepper:
        return in_place_stepper(self, state, self._in_place)

    def _in_place(self, stream: InPlace, state: S5State) -> None:
        keep, matrix = self._sampled()
        driven = stream.affine(stream.x, matrix).unflatten(1, (-1, 2))
        h = to_pairs(stream.linear(keep, to_complex(driven), to_complex(state.h)))
        s = stream.affine(h.flatten(1), 2 * self.output_map.weight)
        stream.add_product(stream.x, self.skip.weight, s)
        read = stream.gelu(s)
        gate = stream.affine(read, self.gate.weight, self.gate.bias)
        stream.ready(stream.gated(read, gate), lambda: [h])

    def _start_at_hippo(self) -> None:
        """Real matrices of all P states, drawn with the variance of their inputs, in the basis of the eigenvectors."""
        eigenvalues, vectors = legs_normal(self.pairs)
        states, inputs, outputs = 2 * self.pairs, self.input_map.in_features, self.output_map.out_features
        drive = vectors.mH @ (torch.randn(states, inputs) / math.sqrt(inputs)).to(vectors.dtype)
        readout = (torch.randn(outputs, states) / math.sqrt(states)).to(vectors.dtype) @ vectors
        dtype = torch.get_default_dtype()
        self.log_decay = nn.Parameter((-eigenvalues.real).log().to(dtype))
        self.frequency = nn.Parameter(eigenvalues.imag.to(dtype))
        with torch.no_grad():
            self.input_map.weight.copy_(to_pairs(drive).transpose(1, 2).flatten(0, 1))
            self.output_map.weight.copy_(to_pairs(readout.conj().resolve_conj()).flatten(1))

    @from_weights
    def _sampled(self) -> tuple[Tensor, Tensor]:
        """``abar``, complex ``(P/2,)``, and ``bbar B (P, input_size)``, an imaginary part after each real one."""
        a = torch.complex(-upcast(self.log_decay).exp(), upcast(self.frequency))
        log_keep = upcast(self.log_dt).exp() * a
        weight = self.input_map.weight
        rows = to_complex(weight.unflatten(0, (self.pairs, 2)).transpose(1, 2))
        driven = (expm1(log_keep) / a).unsqueeze(1) * rows
        return exp(log_keep), to_pairs(driven).transpose(1, 2).flatten(0, 1).to(weight.dtype)

    def _driven(self, x: Tensor, matrix: Tensor) -> Tensor:
        """``bbar * (B x)``, complex ``(..., P/2)``."""
        return to_complex(linear(x, matrix).unflatten(-1, (self.pairs, 2)))

    def _read(self, h: Tensor, x: Tensor) -> Tensor:
        """The output; the output map holds Re C and -Im C side by side."""
        read = F.gelu(2 * self.output_map(to_pairs(h).flatten(-2).to(x.dtype)) + self.skip(x))
        return read * torch.sigmoid(self.gate(read))
