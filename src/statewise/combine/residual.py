"""Residual connections around any layer, with the norm before it."""

from typing import Literal, get_args

from torch import Tensor, nn

from statewise.contract import Input, SequenceLayer, Vectors, values_of, with_time_of
from statewise.errors import choose
from statewise.tree import State

Norm = Literal["layer", "rms"]


def make_norm(kind: Norm, width: int) -> nn.Module:
    """LayerNorm (Ba et al. 2016, eq. 4) or RMSNorm (Zhang & Sennrich 2019, eq. 4) over the last axis.

    Raises:
        UserError: if the kind is neither ``layer`` nor ``rms``.
    """
    return nn.LayerNorm(width) if choose("norm", kind, get_args(Norm)) == "layer" else nn.RMSNorm(width, eps=1e-6)


class Residual(SequenceLayer):
    """y = x + layer(x) (He et al. 2016). The state is the layer's.

    Raises:
        ValueError: if the layer's output is not as wide as its input.
    """

    def __init__(self, layer: SequenceLayer) -> None:
        if layer.input_form != Vectors(layer.output_size):
            raise ValueError(f"a residual needs equal widths, got {layer.input_form} -> {layer.output_size}")
        super().__init__(layer.input_form, layer.output_size)
        self.layer = layer
        self.reads_time = layer.reads_time

    def initial_state(self, batch_size: int) -> State:
        return self.layer.initial_state(batch_size)

    def step(self, x: Input, state: State) -> tuple[Tensor, State]:
        y, state = self.layer.step(x, state)
        return values_of(x) + y, state

    def _sequence(self, x: Input, state: State) -> tuple[Tensor, State]:
        y, state = self.layer(x, state)
        return values_of(x) + y, state


class PreNorm(SequenceLayer):
    """y = layer(norm(x)): the norm stands before the layer, so that a residual path stays clean (Xiong et al. 2020)."""

    def __init__(self, layer: SequenceLayer, *, norm: Norm = "layer") -> None:
        if not isinstance(layer.input_form, Vectors):
            raise ValueError("a norm needs vectors as input, not tokens")
        super().__init__(layer.input_form, layer.output_size)
        self.norm = make_norm(norm, layer.input_form.size)
        self.layer = layer
        self.reads_time = layer.reads_time

    def initial_state(self, batch_size: int) -> State:
        return self.layer.initial_state(batch_size)

    def step(self, x: Input, state: State) -> tuple[Tensor, State]:
        return self.layer.step(with_time_of(x, self.norm(values_of(x)), self.layer), state)

    def _sequence(self, x: Input, state: State) -> tuple[Tensor, State]:
        return self.layer(with_time_of(x, self.norm(values_of(x)), self.layer), state)
