"""A whole model is a layer too."""

from typing import Any

from torch import Tensor, nn

from statewise import tree
from statewise.contract.inputs import Input, Vectors, values_of, with_values
from statewise.contract.segments import Segments
from statewise.contract.sequence import SequenceLayer
from statewise.contract.stepper import Stepper, in_stream, without_gradients
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

    def features(
        self, x: Input, state: State | None = None, *, reset: Tensor | Segments | None = None
    ) -> tuple[Tensor, State]:
        """What the head reads, ``(B, T, features)``, and the state after it; the arguments are those of a layer."""
        return self.body(self._embedded(x), state, reset=reset)

    def step(self, x: Any, state: State) -> tuple[Tensor, State]:
        features, state = self.body.step(self._read_in(x), state)
        return self.head(features), state

    def _segments(self, x: Any, state: State, segments: Segments | None) -> tuple[Tensor, State]:
        features, state = self.features(x, state, reset=segments)
        return self.head(features), state

    def stepper(self, state: State) -> Stepper:
        return _ModelStepper(self, self.body.stepper(state))

    def _read_in(self, x: Input) -> Input:
        """What the body reads, of one time step."""
        if self.embedding is None:
            return x
        values = values_of(x)
        return with_values(x, self.embedding.step(values, self.embedding.initial_state(len(values)))[0])

    def _embedded(self, x: Input) -> Input:
        return x if self.embedding is None else with_values(x, self.embedding(values_of(x))[0])


class _ModelStepper(Stepper):
    """The body's stepper between those of embedding and head."""

    def __init__(self, model: Model, body: Stepper) -> None:
        self._model = model
        embedding = model.embedding
        self._embedding = None if embedding is None else embedding.stepper(embedding.initial_state(1))
        self._body = body
        self._head = in_stream(model.head)

    @without_gradients
    def __call__(self, x: Input) -> Tensor:
        embedded = x if self._embedding is None else with_values(x, self._embedding(values_of(x)))
        return self._model.as_precise(self._head(self._body(embedded)), values_of(x))

    @property
    def state(self) -> State:
        return self._body.state


def _check_embedding(embedding: SequenceLayer, body: SequenceLayer) -> None:
    if tree.leaves(embedding.initial_state(1)):
        raise ValueError(f"an embedding carries no state, {type(embedding).__name__} does; make it part of the body")
    if body.input_form != Vectors(embedding.output_size):
        raise ValueError(f"the embedding puts out width {embedding.output_size}, but the body reads {body.input_form}")
