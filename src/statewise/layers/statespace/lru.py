"""LRU: a diagonal linear recurrence with complex eigenvalues that start on a ring inside the unit circle.

Orvieto, Smith, Gu, Fernando, Gulcehre, Pascanu, De (2023), "Resurrecting Recurrent Neural Networks for Long Sequences",
arXiv 2303.06349, sections 3.2 to 3.4:

    h_t = lambda * h_{t-1} + gamma * (B x_t)                h complex
    y_t = Re(C h_t) + D x_t
    lambda = exp(-exp(nu) + i exp(theta))                   |lambda| < 1 for every nu

Our ``h`` and ``x`` are the paper's ``x`` and ``u``. ``gamma`` is learned by its logarithm and starts at
sqrt(1 - |lambda|^2), which gives h the variance of its input whatever the modulus. D is the paper's full matrix.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from statewise.contract import Segments, SequenceLayer, Stepper, Vectors, from_weights
from statewise.init.spectra import lru_ring
from statewise.layers.in_place_stepper import in_place_stepper
from statewise.layers.statespace.precision import to_complex, to_pairs, upcast
from statewise.modules.linear import Linear
from statewise.ops.in_place import InPlace
from statewise.ops.linear import linear
from statewise.ops.linear_recurrence import linear_recurrence


class LRUState(NamedTuple):
    """What an LRU carries."""

    h: Tensor
    """``(B, S, 2)`` real and imaginary parts, at least float32."""


class LRU(SequenceLayer):
    """Linear recurrent unit: ``h_t = lambda * h_{t-1} + gamma * (B x_t)``, ``y_t = Re(C h_t) + D x_t``.

    ``x (B, T, input_size) -> y (B, T, hidden_size)``. The map is linear in ``x``: what stands around it in a model
    brings the nonlinearity. The recurrence and the state stay in float32 under autocast and in half precision.

    Args:
        input_size: width of the input.
        hidden_size: width of the output.
        state_size: S, the number of complex eigenvalues; as many as ``hidden_size`` where it is ``None``.
        smallest_modulus: inner radius of the ring on which the eigenvalues start, in ``[0, largest_modulus)``.
        largest_modulus: outer radius, at most 1; an eigenvalue remembers for about ``1 / (1 - |lambda|)`` steps.
        largest_phase: the eigenvalues start with a phase between 0 and this, at most 2 pi.

    Raises:
        ValueError: if the ring is not one.

    >>> layer = LRU(input_size=3, hidden_size=4)
    >>> y, state = layer(torch.zeros(2, 5, 3))
    >>> y.shape, state.h.shape
    (torch.Size([2, 5, 4]), torch.Size([2, 4, 2]))
    """

    undecayed = ("nu", "theta", "log_gamma")
    state_knob = "state_size"

    def __init__(
        self,
        *,
        input_size: int,
        hidden_size: int,
        state_size: int | None = None,
        smallest_modulus: float = 0.0,
        largest_modulus: float = 1.0,
        largest_phase: float = 2 * math.pi,
    ) -> None:
        super().__init__(Vectors(input_size), output_size=hidden_size)
        if not (0 <= smallest_modulus < largest_modulus <= 1 and 0 < largest_phase <= 2 * math.pi):
            raise ValueError(
                "the ring needs 0 <= smallest_modulus < largest_modulus <= 1 and 0 < largest_phase <= 2 pi, got "
                f"{smallest_modulus}, {largest_modulus} and {largest_phase}"
            )
        self.state_size = hidden_size if state_size is None else state_size
        self._set_eigenvalues(smallest_modulus, largest_modulus, largest_phase)
        self.input_map = Linear(input_size, 2 * self.state_size, bias=False)
        self.output_map = Linear(2 * self.state_size, hidden_size, bias=False)
        self.skip = Linear(input_size, hidden_size, bias=False)
        nn.init.normal_(self.input_map.weight, std=1 / math.sqrt(2 * input_size))
        nn.init.normal_(self.output_map.weight, std=1 / math.sqrt(self.state_size))
        nn.init.normal_(self.skip.weight, std=1 / math.sqrt(input_size))

    def initial_state(self, batch_size: int) -> LRUState:
        return LRUState(upcast(self.zeros(batch_size, self.state_size, 2)))

    def step(self, x: Tensor, state: LRUState) -> tuple[Tensor, LRUState]:
        h = self._eigenvalues() * to_complex(state.h) + self._driven(x)
        return self._read(h, x), LRUState(to_pairs(h))

    def _segments(self, x: Tensor, state: LRUState, segments: Segments | None) -> tuple[Tensor, LRUState]:
        h = linear_recurrence(self._eigenvalues(), self._driven(x), to_complex(state.h), segments)
        return self._read(h, x), LRUState(to_pairs(h[:, -1].clone()))

    def stepper(self, state: LRUState) -> Stepper:
        return in_place_stepper(self, state, self._in_place)

    def _in_place(self, stream: InPlace, state: LRUState) -> None:
        driven = stream.affine(stream.x, self._input_matrix()).unflatten(1, (-1, 2))
        h = to_pairs(stream.linear(self._eigenvalues(), to_complex(driven), to_complex(state.h)))
        y = stream.affine(h.flatten(1), self.output_map.weight)
        stream.add_product(stream.x, self.skip.weight, y)
        stream.ready(y, lambda: [h])

    def _set_eigenvalues(self, smallest: float, largest: float, largest_phase: float) -> None:
        modulus, phase = lru_ring(self.state_size, smallest, largest, largest_phase)
        tiny = torch.finfo(modulus.dtype).eps
        modulus, phase = modulus.clamp(tiny, 1 - tiny), phase.clamp(min=tiny)
        self.nu = nn.Parameter((-modulus.log()).log())
        self.theta = nn.Parameter(phase.log())
        self.log_gamma = nn.Parameter((1 - modulus.square()).sqrt().log())

    @from_weights
    def _eigenvalues(self) -> Tensor:
        """``lambda (S,)``, complex."""
        return torch.polar((-upcast(self.nu).exp()).exp(), upcast(self.theta).exp())

    @from_weights
    def _input_matrix(self) -> Tensor:
        """``gamma B (2 S, input_size)``, an imaginary part after each real one."""
        weight = self.input_map.weight
        gamma = upcast(self.log_gamma).exp().repeat_interleave(2)
        return (gamma.unsqueeze(1) * weight).to(weight.dtype)

    def _driven(self, x: Tensor) -> Tensor:
        """``gamma * (B x)``, complex ``(..., S)``."""
        return to_complex(linear(x, self._input_matrix()).unflatten(-1, (self.state_size, 2)))

    def _read(self, h: Tensor, x: Tensor) -> Tensor:
        """``Re(C h) + D x``; the output map holds Re C and -Im C side by side."""
        return self.output_map(to_pairs(h).flatten(-2).to(x.dtype)) + self.skip(x)
