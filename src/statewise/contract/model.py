"""A whole model is a layer too."""

from typing import Any

from torch import Tensor, nn

from statewise import tree
from statewise.contract.inputs import Input, Vectors, values_of, with_values
from statewise.contract.sequence import SequenceLayer
from statewise.tree import State


class Model(SequenceLayer):
    """An embedding of the input, a body that carries the state, a head that reads its features off: y = head(body(e)).

    The three are apart so that costs are counted apart, and a task may choose which positions are read out before
    paying for the readout.

    Args:
        body: what remembers.
        head: of the body's output, pointwise in time.
        output_size: width of what the head puts out.
        embedding: the input side, a layer without state; ``None`` where the body reads the input itself.

    Raises:
        ValueError: if the embedding carries a state, or puts out another width than the body reads.
    """

    def __init__(
        self, body: SequenceLayer, head: nn.Module, output_size: int, *, embedding: SequenceLayer | None = None
    ) -> None:
        super().__init__(body.input_form if embedding is None else embedding.input_form, output_size)
        if embedding is not None:
            _check_embedding(embedding, body)
        self.embedding = embedding
        self.body = body
        self.head = head
        self.reads_time = body.reads_time

    def initial_state(self, batch_size: int) -> State:
        return self.body.initial_state(batch_size)

    def features(self, x: Input, state: State | None = None) -> tuple[Tensor, State]:
        """What the head reads, ``(B, T, features)``, and the state after it."""
        return self.body(self._embedded(x), state)

    def step(self, x: Any, state: State) -> tuple[Tensor, State]:
        if self.embedding is not None:
            values = values_of(x)
            x = with_values(x, self.embedding.step(values, self.embedding.initial_state(len(values)))[0])
        features, state = self.body.step(x, state)
        return self.head(features), state

    def _sequence(self, x: Any, state: State) -> tuple[Tensor, State]:
        features, state = self.features(x, state)
        return self.head(features), state

    def _embedded(self, x: Input) -> Input:
        return x if self.embedding is None else with_values(x, self.embedding(values_of(x))[0])


def _check_embedding(embedding: SequenceLayer, body: SequenceLayer) -> None:
    if tree.leaves(embedding.initial_state(1)):
        raise ValueError(f"an embedding carries no state, {type(embedding).__name__} does; make it part of the body")
    if body.input_form != Vectors(embedding.output_size):
        raise ValueError(f"the embedding puts out width {embedding.output_size}, but the body reads {body.input_form}")
