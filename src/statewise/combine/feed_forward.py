"""The pointwise part of a block."""

from typing import Literal, get_args

import torch.nn.functional as F
from torch import Tensor

from statewise.contract import (
    PlainStepper,
    PointwiseStepper,
    Segments,
    SequenceLayer,
    Stepper,
    Vectors,
    altered,
    as_written,
)
from statewise.errors import choose
from statewise.modules.linear import Linear
from statewise.ops.in_place import InPlace
from statewise.ops.map_in_place import map_in_place
from statewise.tree import State

Activation = Literal["relu", "gelu", "silu"]


class FeedForward(SequenceLayer):
    """The pointwise part of a block: y = W2 act(W1 x), or gated: y = W2 (act(W1 x) * (V x)). Its state is ``()``.

    Source: Vaswani et al. 2017, eq. 2; gated forms: Shazeer 2020, "GLU Variants Improve Transformer", eq. 5-6
    (``glu`` with ``gelu`` is GEGLU, with ``silu`` SwiGLU).

    Args:
        width: of input and output.
        inner: width between the two maps.
        activation: of the inner values.
        gated: whether a second linear map multiplies the inner values.

    Raises:
        UserError: if the activation is unknown.
    """

    def __init__(self, *, width: int, inner: int, activation: Activation = "gelu", gated: bool = False) -> None:
        super().__init__(Vectors(width), width)
        self.activation = choose("activation", activation, get_args(Activation))
        self.gated = gated
        self.rise = Linear(width, 2 * inner if gated else inner)
        self.fall = Linear(inner, width)

    def initial_state(self, batch_size: int) -> State:
        return ()

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        return self._map(x), state

    def _segments(self, x: Tensor, state: State, segments: Segments | None) -> tuple[Tensor, State]:
        return self._map(x), state

    def stepper(self, state: State) -> Stepper:
        plain, maps = PlainStepper(self, state), (self.rise, self.fall)
        linear = all(as_written(map, "in_stream", "forward") for map in maps)
        if type(self) is not FeedForward or not linear or altered(self):
            return plain
        weights = [weight for map in maps for weight in (map.weight, map.bias)]
        return PointwiseStepper(map_in_place(plain, weights, self.output_size, self._in_place))

    def _in_place(self, stream: InPlace, rise: Tensor, rise_bias: Tensor, fall: Tensor, fall_bias: Tensor) -> Tensor:
        inner = stream.affine(stream.x, rise, rise_bias)
        if self.gated:
            values, gate = inner.chunk(2, dim=-1)
            inner = stream.times(self._activated(stream, gate), values)
        else:
            inner = self._activated(stream, inner)
        return stream.affine(inner, fall, fall_bias)

    def _map(self, x: Tensor) -> Tensor:
        inner = self.rise(x)
        if self.gated:
            values, gate = inner.chunk(2, dim=-1)
            inner = self._activate(gate) * values
        else:
            inner = self._activate(inner)
        out: Tensor = self.fall(inner)
        return out

    def _activate(self, x: Tensor) -> Tensor:
        if self.activation == "relu":
            return F.relu(x)
        return F.gelu(x) if self.activation == "gelu" else F.silu(x)

    def _activated(self, stream: InPlace, x: Tensor) -> Tensor:
        if self.activation == "relu":
            return stream.relu(x)
        return stream.gelu(x) if self.activation == "gelu" else stream.gated(x, x)
