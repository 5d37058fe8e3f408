"""A whole model is a layer too."""

from typing import Any

from torch import Tensor, nn

from statewise.contract.sequence import SequenceLayer
from statewise.tree import State


class Model(SequenceLayer):
    """A body that carries the state and a head that reads its features off, pointwise in time.

    The two are apart so that a task may choose which positions are read out before paying for the readout.
    """

    def __init__(self, body: SequenceLayer, head: nn.Module, output_size: int) -> None:
        super().__init__(body.input_form, output_size)
        self.body = body
        self.head = head
        self.reads_time = body.reads_time

    def initial_state(self, batch_size: int) -> State:
        return self.body.initial_state(batch_size)

    def step(self, x: Any, state: State) -> tuple[Tensor, State]:
        features, state = self.body.step(x, state)
        return self.head(features), state

    def _sequence(self, x: Any, state: State) -> tuple[Tensor, State]:
        features, state = self.body(x, state)
        return self.head(features), state
