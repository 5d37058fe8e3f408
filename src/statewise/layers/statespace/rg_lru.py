"""RG-LRU: a diagonal real recurrence whose decay is gated by the input, in Griffin's recurrent block.

De, Smith, Fernando, Botev et al. (2024), "Griffin: Mixing Gated Linear Recurrences with Local Attention for Efficient
Language Models", arXiv 2402.19427, section 2.4, eq. 1-4, and the recurrent block of section 2.3:

    v_t = conv(W_v x_t)                                     over K steps, each channel for itself
    r_t = sigmoid(W_r v_t + b_r)                            recurrence gate
    i_t = sigmoid(W_i v_t + b_i)                            input gate: "write_gate" to a probe
    a_t = sigmoid(Lambda)^(8 r_t)                           how much is kept: "keep_gate"
    h_t = a_t * h_{t-1} + sqrt(1 - a_t^2) * (i_t * v_t)
    y_t = W_y (gelu(W_g x_t) * h_t)

Our v, W_r, W_i are the paper's x, W_a, W_x; the paper's gate matrices are block-diagonal in its large models, ours are
full. a is worked out from its logarithm, as there. Lambda starts where sigmoid(Lambda)^8 is uniform in a range.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from statewise import probe
from statewise.contract import Segments, SequenceLayer, Stepper, Vectors, from_weights
from statewise.layers.in_place_stepper import in_place_stepper
from statewise.layers.statespace.precision import upcast
from statewise.layers.statespace.short_convolution import ShortConvolution
from statewise.layers.statespace.time_scales import inverse_softplus
from statewise.modules.linear import Linear
from statewise.ops.cells.rg_lru import RGLRUCell
from statewise.ops.elementwise_recurrence import elementwise_recurrence
from statewise.ops.in_place import InPlace

CELL = RGLRUCell()
SHARPNESS = 8.0
"""The paper's c: a gate r moves the decay between 1 and sigmoid(Lambda)^c"""


class RGLRUState(NamedTuple):
    """What an RG-LRU carries; S is its state size."""

    tail: Tensor
    """``(B, K - 1, S)`` inputs of the convolution before."""
    h: Tensor
    """``(B, S)``, at least float32."""


class RGLRU(SequenceLayer):
    """Griffin's recurrent block around ``h_t = a_t * h_{t-1} + sqrt(1 - a_t^2) * (i_t * v_t)``.

    ``x (B, T, input_size) -> y (B, T, hidden_size)``. The recurrence and the state stay in float32 under autocast and
    in half precision.

    Args:
        input_size: width of the input.
        hidden_size: width of the output.
        state_size: S, width of the recurrence; ``hidden_size`` where it is ``None``, 4/3 of it in the paper.
        kernel_size: K, at least 1.
        smallest_decay: lower end of ``sigmoid(Lambda)^8`` at the start.
        largest_decay: upper end, below 1.

    Raises:
        ValueError: if the kernel is empty or the range of decays none.

    >>> block = RGLRU(input_size=3, hidden_size=4, state_size=6)
    >>> y, state = block(torch.zeros(2, 5, 3))
    >>> y.shape, state.tail.shape, state.h.shape
    (torch.Size([2, 5, 4]), torch.Size([2, 3, 6]), torch.Size([2, 6]))
    """

    state_knob = "state_size"
    undecayed = ("Lambda",)

    def __init__(
        self,
        *,
        input_size: int,
        hidden_size: int,
        state_size: int | None = None,
        kernel_size: int = 4,
        smallest_decay: float = 0.9,
        largest_decay: float = 0.999,
    ) -> None:
        super().__init__(Vectors(input_size), output_size=hidden_size)
        if kernel_size < 1:
            raise ValueError(f"the kernel must be at least 1 step wide, got {kernel_size}")
        if not 0 < smallest_decay <= largest_decay < 1:
            raise ValueError(
                "decays need 0 < smallest_decay <= largest_decay < 1, got "
                f"smallest_decay={smallest_decay} and largest_decay={largest_decay}"
            )
        width = hidden_size if state_size is None else state_size
        self.state_size = width
        self.input = Linear(input_size, 2 * width)
        self.convolution = ShortConvolution(width, kernel_size)
        self.gates = Linear(width, 2 * width)
        decays = torch.empty(width).uniform_(smallest_decay, largest_decay)
        self.Lambda = nn.Parameter(-inverse_softplus(-decays.log() / SHARPNESS))
        self.output = Linear(width, hidden_size)

    def initial_state(self, batch_size: int) -> RGLRUState:
        tail = self.zeros(batch_size, self.convolution.reach, self.state_size)
        return RGLRUState(tail, upcast(self.zeros(batch_size, self.state_size)))

    def step(self, x: Tensor, state: RGLRUState) -> tuple[Tensor, RGLRUState]:
        v, gate = self.input(x).chunk(2, dim=-1)
        v, tail = self.convolution.step(v, state.tail)
        gates = self._gates(v)
        a, driven = CELL.coefficients(gates, upcast(v), self._log_decay())
        probe.record(self, "keep_gate", a)
        if probe.is_recording():
            probe.record(self, "write_gate", gates[:, 1].sigmoid())
        h = a * state.h + driven
        return self._read(h, gate), RGLRUState(tail, h)

    def _segments(self, x: Tensor, state: RGLRUState, segments: Segments | None) -> tuple[Tensor, RGLRUState]:
        v, gate = self.input(x).chunk(2, dim=-1)
        v, tail = self.convolution.sequence(v, state.tail, segments)
        h, last = elementwise_recurrence(
            CELL, self._gates(v), state.h, segments, weight=self._log_decay(), skip=upcast(v)
        )
        return self._read(h, gate), RGLRUState(tail, last)

    def stepper(self, state: RGLRUState) -> Stepper:
        return in_place_stepper(self, state, self._in_place)

    def _in_place(self, stream: InPlace, state: RGLRUState) -> None:
        (to_v, to_gate), biases = self.input.weight.chunk(2), self.input.bias.chunk(2)
        v, gate = stream.affine(stream.x, to_v, biases[0]), stream.affine(stream.x, to_gate, biases[1])
        window = stream.window(v, state.tail)
        v = stream.convolved(window, self.convolution.weight[:, 0], self.convolution.bias)
        gates = stream.affine(v, self.gates.weight, self.gates.bias).unflatten(1, (2, -1))
        y, h = stream.elementwise(CELL, gates, state.h, weight=self._log_decay(), skip=v)
        read = stream.times(stream.gelu(gate), y)
        stream.ready(stream.affine(read, self.output.weight, self.output.bias), lambda: [window[:, 1:], h])

    def _gates(self, v: Tensor) -> Tensor:
        """r and i before they are squashed, ``(..., 2, S)``."""
        return upcast(self.gates(v)).unflatten(-1, (2, self.state_size))

    @from_weights
    def _log_decay(self) -> Tensor:
        """``8 log sigmoid(Lambda) (1, S)``."""
        return -SHARPNESS * F.softplus(-upcast(self.Lambda)).unsqueeze(0)

    def _read(self, h: Tensor, gate: Tensor) -> Tensor:
        """``W_y (gelu(W_g x) * h)``."""
        y: Tensor = self.output(F.gelu(gate) * h.to(gate.dtype))
        return y
