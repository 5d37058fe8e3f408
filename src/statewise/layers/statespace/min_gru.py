"""minGRU: a GRU whose gate and candidate look at the input alone, so that time runs in parallel.

Feng, Tung, Ahmed, Bengio, Hajimirsadeghi (2024), "Were RNNs All We Needed?", arXiv 2410.01201, section 3.1:

    z_t = sigmoid(W_z x_t + b_z)           the update gate: how much is written, so "write_gate" to a probe
    c_t = W_c x_t + b_c                    the candidate
    h_t = (1 - z_t) * h_{t-1} + z_t * c_t  y_t = h_t

Our ``c`` is the paper's ``h~``. This is the paper's vanilla form with a real-valued scan, not its log-space variant,
which costs accuracy in float32 and needs a positive state.
"""

from typing import NamedTuple

from torch import Tensor, nn

from statewise import probe
from statewise.contract import Segments, SequenceLayer, Stepper, Vectors
from statewise.layers.in_place_stepper import in_place_stepper
from statewise.layers.statespace.precision import upcast
from statewise.modules.linear import Linear
from statewise.ops.cells.min_gru import MinGRUCell
from statewise.ops.elementwise_recurrence import elementwise_recurrence
from statewise.ops.in_place import InPlace


class MinGRUState(NamedTuple):
    """What a minGRU carries."""

    h: Tensor
    """``(B, H)``, at least float32."""


class MinGRU(SequenceLayer):
    """Minimal gated recurrent unit: ``h_t = (1 - z_t) * h_{t-1} + z_t * c_t``, gate and candidate from ``x_t`` alone.

    ``x (B, T, input_size) -> y (B, T, hidden_size)``. The recurrence and the state stay in float32 under autocast and
    in half precision; the output comes in the dtype of the input.

    Args:
        input_size: width of the input.
        hidden_size: width of the state and the output.
        write_bias: initial bias of the update gate z; at first the layer remembers for about
            ``1 + exp(-write_bias)`` steps.

    >>> import torch
    >>> layer = MinGRU(input_size=3, hidden_size=4)
    >>> y, state = layer(torch.zeros(2, 5, 3))
    >>> y.shape, state.h.shape
    (torch.Size([2, 5, 4]), torch.Size([2, 4]))
    """

    def __init__(self, *, input_size: int, hidden_size: int, write_bias: float = 0.0) -> None:
        super().__init__(Vectors(input_size), output_size=hidden_size)
        self.input = Linear(input_size, 2 * hidden_size)
        nn.init.constant_(self.input.bias[:hidden_size], write_bias)

    def initial_state(self, batch_size: int) -> MinGRUState:
        return MinGRUState(upcast(self.zeros(batch_size, self.output_size)))

    def step(self, x: Tensor, state: MinGRUState) -> tuple[Tensor, MinGRUState]:
        write, candidate = self._driven(x).unbind(-2)
        z = write.sigmoid()
        probe.record(self, "write_gate", z)
        h = (1 - z) * state.h + z * candidate
        return h.to(x.dtype), MinGRUState(h)

    def _segments(self, x: Tensor, state: MinGRUState, segments: Segments | None) -> tuple[Tensor, MinGRUState]:
        y, h = elementwise_recurrence(MinGRUCell(), self._driven(x), state.h, segments)
        return y.to(x.dtype), MinGRUState(h)

    def stepper(self, state: MinGRUState) -> Stepper:
        return in_place_stepper(self, state, self._in_place)

    def _in_place(self, stream: InPlace, state: MinGRUState) -> None:
        driven = stream.affine(stream.x, self.input.weight, self.input.bias)
        y, h = stream.elementwise(MinGRUCell(), driven.unflatten(1, (2, -1)), state.h)
        stream.ready(y, lambda: [h])

    def _driven(self, x: Tensor) -> Tensor:
        """``W x + b`` of z and c, ``(..., 2, H)``."""
        return upcast(self.input(x).unflatten(-1, (2, self.output_size)))
