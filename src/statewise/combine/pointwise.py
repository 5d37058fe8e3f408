"""Maps that look at one time step alone, as layers without memory."""

from typing import Literal, get_args

import torch.nn.functional as F
from torch import Tensor, nn

from statewise.contract import InputForm, Segments, SequenceLayer, Tokens, Vectors
from statewise.errors import choose
from statewise.modules.linear import Linear
from statewise.tree import State

Activation = Literal["relu", "gelu", "silu"]


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

    def _segments(self, x: Tensor, state: State, segments: Segments | None) -> tuple[Tensor, State]:
        return self.table(x), state


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
