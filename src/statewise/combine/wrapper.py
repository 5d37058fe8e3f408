"""What all layers around one other layer share."""

from collections.abc import Callable

from torch import Tensor

from statewise.contract import (
    Input,
    InputForm,
    Segments,
    SequenceLayer,
    Stepper,
    Vectors,
    as_written,
    values_of,
    without_gradients,
)
from statewise.tree import State

Before = Callable[[Input], Input]
"""From the input to what the layer inside reads"""
After = Callable[[Input, Tensor], Tensor]
"""From the input and what the layer inside puts out to the output"""


class Wrapper(SequenceLayer):
    """A layer around one other: y = after(x, layer(before(x))), the state the inner layer's.

    Write ``before`` or ``after`` or both, each a map of one time step that works on the last axis; both gears follow.
    A wrapper that carries more than the layer inside writes ``initial_state`` and ``step`` itself. Time stamps pass
    through where the layer inside reads them.

    Args:
        layer: the layer inside.
        input_form: what the wrapper reads; ``None`` = what the layer reads.
        output_size: width of its output; ``None`` = the layer's.

    >>> import torch
    >>> from statewise.layers.recurrent.lstm import LSTM
    >>> class Doubled(Wrapper):
    ...     '''y = 2 layer(x)'''
    ...     def after(self, x, y):
    ...         return 2 * y
    >>> layer, x = LSTM(input_size=3, hidden_size=4), torch.randn(2, 7, 3)
    >>> bool((Doubled(layer)(x)[0] == 2 * layer(x)[0]).all())
    True
    """

    def __init__(
        self, layer: SequenceLayer, *, input_form: InputForm | None = None, output_size: int | None = None
    ) -> None:
        form = layer.input_form if input_form is None else input_form
        super().__init__(form, layer.output_size if output_size is None else output_size)
        self.layer = layer
        self.reads_time = layer.reads_time

    def before(self, x: Input) -> Input:
        """What the layer inside reads."""
        return x

    def after(self, x: Input, y: Tensor) -> Tensor:
        """The output, from the input and what the layer inside puts out."""
        return y

    def initial_state(self, batch_size: int) -> State:
        return self.layer.initial_state(batch_size)

    def step(self, x: Input, state: State) -> tuple[Tensor, State]:
        y, state = self.layer.step(self.before(x), state)
        return self.after(x, y), state

    def _segments(self, x: Input, state: State, segments: Segments | None) -> tuple[Tensor, State]:
        y, state = self.layer(self.before(x), state, reset=segments)
        return self.after(x, y), state

    def stepper(self, state: State) -> Stepper:
        return _WrapperStepper(self, self.layer.stepper(state))

    def maps_in_stream(self) -> tuple[Before, After]:
        """``before`` and ``after`` as a stream calls them, which may hold the weights as they are.

        It is asked alone where the class that writes it is the one, too, that writes those.
        """
        return self.before, self.after


class _WrapperStepper(Stepper):
    """The inner layer's stepper between ``before`` and ``after``."""

    def __init__(self, wrapper: Wrapper, inner: Stepper) -> None:
        self._wrapper = wrapper
        self._inner = inner
        faster = as_written(wrapper, "maps_in_stream", "before", "after")
        self._before, self._after = wrapper.maps_in_stream() if faster else (wrapper.before, wrapper.after)

    @without_gradients
    def __call__(self, x: Input) -> Tensor:
        return self._wrapper.as_precise(self._after(x, self._inner(self._before(x))), values_of(x))

    @property
    def state(self) -> State:
        return self._inner.state


def width_kept(layer: SequenceLayer, what: str) -> int:
    """The width of a layer that puts out vectors as wide as it reads.

    Args:
        layer: the layer.
        what: needs it, as a person reads it.

    Raises:
        ValueError: if it reads tokens or vectors of another width.
    """
    if layer.input_form != Vectors(layer.output_size):
        raise ValueError(f"{what} needs equal widths, got {layer.input_form} -> {layer.output_size}")
    return layer.output_size
