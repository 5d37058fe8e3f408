"""Maps that look at one time step alone, as layers without memory."""

from torch import Tensor, nn

from statewise.contract import (
    InputForm,
    PlainStepper,
    PointwiseStepper,
    Segments,
    SequenceLayer,
    Stepper,
    Tokens,
    Vectors,
    in_stream,
)
from statewise.modules.linear import Linear
from statewise.tree import State


class Pointwise(SequenceLayer):
    """Any module that works on the last axis, at every time step on its own: y_t = f(x_t). Its state is ``()``.

    >>> import torch
    >>> y, state = Pointwise(nn.Linear(3, 4), input_size=3, output_size=4)(torch.randn(2, 7, 3))
    >>> y.shape, state
    (torch.Size([2, 7, 4]), ())
    """

    def __init__(self, function: nn.Module, *, input_size: int, output_size: int) -> None:
        super().__init__(Vectors(input_size), output_size)
        self.function = function

    def initial_state(self, batch_size: int) -> State:
        return ()

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        return self.function(x), state

    def stepper(self, state: State) -> Stepper:
        return PointwiseStepper(in_stream(self.function, PlainStepper(self, state)))

    def _segments(self, x: Tensor, state: State, segments: Segments | None) -> tuple[Tensor, State]:
        return self.function(x), state


class Embed(SequenceLayer):
    """The input side of a model: a table for tokens, a linear map for vectors. Its state is ``()``.

    >>> import torch
    >>> Embed(Tokens(10), width=4)(torch.tensor([[1, 2]]))[0].shape
    torch.Size([1, 2, 4])
    """

    def __init__(self, form: InputForm, *, width: int) -> None:
        super().__init__(form, width)
        self.table: nn.Module
        self.table = nn.Embedding(form.vocabulary, width) if isinstance(form, Tokens) else Linear(form.size, width)

    def initial_state(self, batch_size: int) -> State:
        return ()

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        return self.table(x), state

    def stepper(self, state: State) -> Stepper:
        return PointwiseStepper(in_stream(self.table, PlainStepper(self, state)))

    def _segments(self, x: Tensor, state: State, segments: Segments | None) -> tuple[Tensor, State]:
        return self.table(x), state
