"""SRU: a recurrent unit whose gates see the memory number by number, and whose output has a highway past it.

Lei, Zhang, Wang, Dai, Artzi 2018, "Simple recurrent units for highly parallelizable recurrence", eq. 1-4:

    f_t = sigmoid(W_f x_t + v_f * c_{t-1} + b_f)            how much is kept, so "keep_gate" to a probe
    c_t = f_t * c_{t-1} + (1 - f_t) * (W x_t)
    r_t = sigmoid(W_r x_t + v_r * c_{t-1} + b_r)            how much is read of the memory: "read_gate"
    y_t = r_t * c_t + (1 - r_t) * (alpha x_t)

Our y is the paper's h. All three products are one, before the loop. Where input and output differ in width, x_t on the
highway is P x_t with a matrix P, as in the ``sru`` package. alpha is 1, or sqrt(1 + 2 exp(b_r)) at the start with
``rescale`` (section 3.2).
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from statewise import probe
from statewise.contract import Segments, SequenceLayer, Stepper, Vectors
from statewise.layers.in_place_stepper import in_place_stepper
from statewise.modules.linear import Linear
from statewise.ops.cells.sru import SRUCell
from statewise.ops.elementwise_recurrence import elementwise_recurrence
from statewise.ops.in_place import InPlace
from statewise.ops.linear import linear


class SRUState(NamedTuple):
    """What an SRU carries."""

    c: Tensor
    """(B, H)"""


class SRU(SequenceLayer):
    """c_t = f_t * c_{t-1} + (1 - f_t) * (W x_t), y_t = r_t * c_t + (1 - r_t) * (alpha x_t).

    Args:
        input_size: D.
        hidden_size: H, width of state and output.
        forget_bias: b_f at the start; above 0 the unit keeps more.
        highway_bias: b_r at the start; below 0 more of the input passes by.
        rescale: whether alpha makes up for what the highway loses in variance over a deep stack.

    >>> y, state = SRU(input_size=3, hidden_size=4)(torch.randn(2, 7, 3))
    >>> y.shape, state.c.shape
    (torch.Size([2, 7, 4]), torch.Size([2, 4]))
    """

    def __init__(
        self,
        *,
        input_size: int,
        hidden_size: int,
        forget_bias: float = 0.0,
        highway_bias: float = 0.0,
        rescale: bool = False,
    ) -> None:
        super().__init__(Vectors(input_size), hidden_size)
        self.alpha = math.sqrt(1 + 2 * math.exp(highway_bias)) if rescale else 1.0
        self.input = Linear(input_size, 3 * hidden_size, bias=False)
        self.bias = nn.Parameter(torch.tensor([[forget_bias], [highway_bias]]).repeat(1, hidden_size))
        self.recurrent = nn.Parameter(torch.zeros(2, hidden_size))
        self.highway = Linear(input_size, hidden_size, bias=False) if input_size != hidden_size else nn.Identity()
        for weight in (self.input.weight, *self.highway.parameters()):
            nn.init.uniform_(weight, -math.sqrt(3 / input_size), math.sqrt(3 / input_size))

    def initial_state(self, batch_size: int) -> SRUState:
        return SRUState(self.zeros(batch_size, self.output_size))

    def step(self, x: Tensor, state: SRUState) -> tuple[Tensor, SRUState]:
        new, *gates = self.input(x).unflatten(-1, (3, self.output_size)).unbind(-2)
        f, r = (
            torch.sigmoid(gate + weight * state.c + bias)
            for gate, weight, bias in zip(gates, self.recurrent, self.bias, strict=True)
        )
        probe.record(self, "keep_gate", f)
        probe.record(self, "read_gate", r)
        c = f * state.c + (1 - f) * new
        return r * c + (1 - r) * self._past(x), SRUState(c)

    def _segments(self, x: Tensor, state: SRUState, segments: Segments | None) -> tuple[Tensor, SRUState]:
        driven = linear(x, self.input.weight, self._biases()).unflatten(-1, (3, self.output_size))
        y, c = elementwise_recurrence(
            SRUCell(),
            driven.to(state.c.dtype),
            state.c,
            segments,
            weight=self.recurrent,
            skip=self._past(x).to(state.c.dtype),
        )
        return y, SRUState(c)

    def stepper(self, state: SRUState) -> Stepper:
        return in_place_stepper(self, state, self._in_place)

    def _in_place(self, stream: InPlace, state: SRUState) -> None:
        driven = stream.affine(stream.x, self.input.weight, self._biases()).unflatten(1, (3, -1))
        past = stream.x
        if not isinstance(self.highway, nn.Identity):
            past = stream.affine(past, self.highway.weight)
        if self.alpha != 1.0:
            past = stream.times(past, torch.full_like(past, self.alpha))
        y, c = stream.elementwise(SRUCell(), driven, state.c, weight=self.recurrent, skip=past)
        stream.ready(y, lambda: [c])

    def _biases(self) -> Tensor:
        """Of all three vectors, ``(3 H,)``."""
        return torch.cat([torch.zeros_like(self.bias[:1]), self.bias]).flatten()

    def _past(self, x: Tensor) -> Tensor:
        """What passes by, ``(..., H)``."""
        passing: Tensor = self.highway(x)
        return passing if self.alpha == 1.0 else self.alpha * passing
