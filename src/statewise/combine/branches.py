"""What layers side by side share."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import partial

from torch import Tensor

from statewise.combine.several import Several, SeveralStepper
from statewise.contract import Input, Segments, SequenceLayer, Stepper, values_of, without_gradients
from statewise.tree import State


class Branches(Several):
    """Layers that read the same input: y = join(x, layers[0](x), layers[1](x), ...), the state the tuple of theirs.

    Write ``join``, a map of one time step that works on the last axis; both gears follow.

    Args:
        layers: the branches, at least one.
        output_size: width of what ``join`` puts out; ``None`` = that of every branch.

    Raises:
        ValueError: if there are no layers, they read different inputs, or ``output_size`` is left out and they put out
            different widths.

    >>> import torch
    >>> from statewise.layers.recurrent.lstm import LSTM
    >>> class Product(Branches):
    ...     '''y = a(x) * b(x)'''
    ...     def join(self, x, outputs):
    ...         a, b = outputs
    ...         return a * b
    >>> product = Product([LSTM(input_size=3, hidden_size=4), LSTM(input_size=3, hidden_size=4)])
    >>> y, (first, second) = product(torch.randn(2, 7, 3))
    >>> y.shape
    torch.Size([2, 7, 4])
    """

    def __init__(self, layers: Sequence[SequenceLayer], *, output_size: int | None = None) -> None:
        if not layers:
            raise ValueError("branches need at least one layer")
        forms = list(dict.fromkeys(layer.input_form for layer in layers))
        if len(forms) > 1:
            raise ValueError(f"branches read one input, these read {forms[0]} and {forms[1]}")
        widths = list(dict.fromkeys(layer.output_size for layer in layers))
        if output_size is None and len(widths) > 1:
            raise ValueError(f"branches put out one width, these put out {widths[0]} and {widths[1]}")
        super().__init__(layers, input_form=forms[0], output_size=widths[0] if output_size is None else output_size)

    @abstractmethod
    def join(self, x: Input, outputs: Sequence[Tensor]) -> Tensor:
        """The output, from the input and what the branches put out, in their order."""

    def step(self, x: Input, state: State) -> tuple[Tensor, State]:
        return self._side_by_side([layer.step for layer in self.members()], x, state)

    def _segments(self, x: Input, state: State, segments: Segments | None) -> tuple[Tensor, State]:
        return self._side_by_side([partial(layer, reset=segments) for layer in self.members()], x, state)

    def stepper(self, state: State) -> Stepper:
        return _BranchesStepper(self, self.members_at_work(state))

    def _side_by_side(
        self, gears: Sequence[Callable[[Input, State], tuple[Tensor, State]]], x: Input, state: State
    ) -> tuple[Tensor, State]:
        """All branches joined, and the states of all, each run in the gear given."""
        found = [gear(x, inner) for gear, inner in zip(gears, state, strict=True)]
        return self.join(x, [y for y, _ in found]), tuple(inner for _, inner in found)


class _BranchesStepper(SeveralStepper):
    """The branches' steppers, joined."""

    def __init__(self, branches: Branches, steppers: Sequence[Stepper]) -> None:
        super().__init__(steppers)
        self._branches = branches

    @without_gradients
    def __call__(self, x: Input) -> Tensor:
        y = self._branches.join(x, [stepper(x) for stepper in self._steppers])
        return self._branches.as_precise(y, values_of(x))
