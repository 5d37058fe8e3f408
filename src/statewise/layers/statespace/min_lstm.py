"""minLSTM: an LSTM whose gates and candidate look at the input alone, so that time runs in parallel.

Feng, Tung, Ahmed, Bengio, Hajimirsadeghi (2024), "Were RNNs All We Needed?", arXiv 2410.01201, section 3.2:

    f_t = sigmoid(W_f x_t + b_f),  i_t = sigmoid(W_i x_t + b_i)
    f'_t = f_t / (f_t + i_t),  i'_t = i_t / (f_t + i_t)     length independence scaling: the gates add up to one
    c_t = W_c x_t + b_c                                     the candidate
    h_t = f'_t * h_{t-1} + i'_t * c_t,  y_t = h_t

Our ``c`` is the paper's ``h~``. This is the paper's vanilla form with a real-valued scan, not its log-space variant,
which costs accuracy in float32 and needs a positive state. f' is how much is kept, so "keep_gate" to a probe.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from statewise import probe
from statewise.contract import Segments, SequenceLayer, Stepper, Vectors
from statewise.layers.in_place_stepper import in_place_stepper
from statewise.layers.statespace.precision import upcast
from statewise.modules.linear import Linear
from statewise.ops.cells.min_lstm import MinLSTMCell
from statewise.ops.elementwise_recurrence import elementwise_recurrence
from statewise.ops.in_place import InPlace


class MinLSTMState(NamedTuple):
    """What a minLSTM carries."""

    h: Tensor
    """``(B, H)``, at least float32."""


class MinLSTM(SequenceLayer):
    """Minimal LSTM: ``h_t = f'_t * h_{t-1} + i'_t * c_t``, ``f' + i' = 1``, all made of ``x_t`` alone.

    ``x (B, T, input_size) -> y (B, T, hidden_size)``. The recurrence and the state stay in float32 under autocast and
    in half precision; the output comes in the dtype of the input.

    Args:
        input_size: width of the input.
        hidden_size: width of the state and the output.
        forget_bias: initial bias of the gate f; above 0 the layer keeps more.

    >>> layer = MinLSTM(input_size=3, hidden_size=4)
    >>> y, state = layer(torch.zeros(2, 5, 3))
    >>> y.shape, state.h.shape
    (torch.Size([2, 5, 4]), torch.Size([2, 4]))
    """

    def __init__(self, *, input_size: int, hidden_size: int, forget_bias: float = 0.0) -> None:
        super().__init__(Vectors(input_size), output_size=hidden_size)
        self.input = Linear(input_size, 3 * hidden_size)
        nn.init.constant_(self.input.bias[:hidden_size], forget_bias)

    def initial_state(self, batch_size: int) -> MinLSTMState:
        return MinLSTMState(upcast(self.zeros(batch_size, self.output_size)))

    def step(self, x: Tensor, state: MinLSTMState) -> tuple[Tensor, MinLSTMState]:
        forget, write, candidate = self._driven(x).unbind(-2)
        keep = torch.sigmoid(F.logsigmoid(forget) - F.logsigmoid(write))  # f / (f + i), also where both round to 0
        probe.record(self, "keep_gate", keep)
        h = keep * state.h + (1 - keep) * candidate
        return h.to(x.dtype), MinLSTMState(h)

    def _segments(self, x: Tensor, state: MinLSTMState, segments: Segments | None) -> tuple[Tensor, MinLSTMState]:
        y, h = elementwise_recurrence(MinLSTMCell(), self._driven(x), state.h, segments)
        return y.to(x.dtype), MinLSTMState(h)

    def stepper(self, state: MinLSTMState) -> Stepper:
        return in_place_stepper(self, state, self._in_place)

    def _in_place(self, stream: InPlace, state: MinLSTMState) -> None:
        driven = stream.affine(stream.x, self.input.weight, self.input.bias)
        y, h = stream.elementwise(MinLSTMCell(), driven.unflatten(1, (3, -1)), state.h)
        stream.ready(y, lambda: [h])

    def _driven(self, x: Tensor) -> Tensor:
        """``W x + b`` of f, i and c, ``(..., 3, H)``."""
        return upcast(self.input(x).unflatten(-1, (3, self.output_size)))
