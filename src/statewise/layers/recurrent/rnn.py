"""Elman RNN.

Elman 1990, "Finding structure in time"; h_t = f(W x_t + b_W + U h_{t-1} + b_U), y_t = h_t.

Parameters are named and laid out as ``torch.nn.RNN``'s: W = ``weight_ih_l0`` (H, D), U = ``weight_hh_l0`` (H, H).
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from statewise.contract import Segments, Stepper
from statewise.errors import choose
from statewise.init.matrices import Recurrent
from statewise.layers.recurrent.torch_layout import TorchLayout
from statewise.ops.gates.rnn import ReluGates, TanhGates
from statewise.ops.linear import linear
from statewise.ops.unroll import unroll

Activation = Literal["tanh", "relu", "leaky_relu", "sigmoid"]
ACTIVATIONS: dict[Activation, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "relu": F.relu,
    "leaky_relu": F.leaky_relu,
    "sigmoid": torch.sigmoid,
}
GATES: dict[Activation, Any] = {"tanh": TanhGates(), "relu": ReluGates()}
"""Those that torch has kernels of"""
IRNN_STD = 0.001
"""Standard deviation of an IRNN's input weights (Le, Jaitly & Hinton 2015, section 4)"""


class RNNState(NamedTuple):
    """What an RNN carries."""

    h: Tensor
    """(B, H)"""


class RNN(TorchLayout):
    """h_t = f(W x_t + U h_{t-1} + b).

    Args:
        input_size: D.
        hidden_size: H, width of state and output.
        activation: f; ``leaky_relu`` has slope 0.01 below zero.
        initialization: U at the start: ``uniform`` in +-1/sqrt(H) as torch.nn's, ``orthogonal`` (Saxe et al. 2014), or
            ``identity``, with zero biases and W from N(0, 0.001^2): the IRNN of Le, Jaitly & Hinton 2015, which takes
            ``relu``.

    Raises:
        ValueError: if the activation or initialisation is unknown.

    >>> y, state = RNN(input_size=3, hidden_size=4)(torch.randn(2, 7, 3))
    >>> y.shape, state.h.shape
    (torch.Size([2, 7, 4]), torch.Size([2, 4]))
    """

    torch_mode = "RNN_TANH"

    def __init__(
        self,
        *,
        input_size: int,
        hidden_size: int,
        activation: Activation = "tanh",
        initialization: Recurrent = "orthogonal",
    ) -> None:
        super().__init__(input_size, hidden_size, gates=1, initialization=initialization)
        self.activation = choose("activation", activation, get_args(Activation))
        if initialization == "identity":
            nn.init.normal_(self.weight_ih_l0, std=IRNN_STD)
            nn.init.zeros_(self.bias_ih_l0)
            nn.init.zeros_(self.bias_hh_l0)

    def initial_state(self, batch_size: int) -> RNNState:
        return RNNState(self.zeros(batch_size, self.output_size))

    def step(self, x: Tensor, state: RNNState) -> tuple[Tensor, RNNState]:
        memory = F.linear(state.h, self.weight_hh_l0, self.bias_hh_l0)
        h = ACTIVATIONS[self.activation](self._projected(x) + memory)
        return h, RNNState(h)

    def stepper(self, state: RNNState) -> Stepper:
        if self.activation not in GATES:
            return super().stepper(state)
        return self._dense_stepper(GATES[self.activation], state)

    def _segments(self, x: Tensor, state: RNNState, segments: Segments | None) -> tuple[Tensor, RNNState]:
        if self.activation not in GATES:
            driven = linear(x, self.weight_ih_l0, self.bias_ih_l0 + self.bias_hh_l0)
            y, h = unroll(self._next, driven, state.h, segments)
            return y, RNNState(h)
        y, after = self._whole(GATES[self.activation], x, state, segments)
        return y, RNNState(*after)

    def _next(self, driven: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        """One step, as output and as state, from W x_t + b_W + b_U."""
        h = ACTIVATIONS[self.activation](torch.addmm(driven, h, self.weight_hh_l0.T))
        return h, h
