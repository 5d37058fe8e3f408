"""What layers made of several others share."""

from collections.abc import Sequence

from torch import nn

from statewise.contract import InputForm, SequenceLayer, Stepper
from statewise.tree import State


class Several(SequenceLayer):
    """Several layers as one; the state is the tuple of theirs. How they hang together, a subclass says.

    Time stamps of the input are passed on to every layer that reads them.

    Args:
        layers: those inside, at least one.
        input_form: what all of it reads.
        output_size: width of what it puts out.
    """

    def __init__(self, layers: Sequence[SequenceLayer], *, input_form: InputForm, output_size: int) -> None:
        super().__init__(input_form, output_size)
        self.layers = nn.ModuleList(layers)
        self.reads_time = any(layer.reads_time for layer in layers)

    def initial_state(self, batch_size: int) -> State:
        return tuple(layer.initial_state(batch_size) for layer in self.members())

    def members(self) -> list[SequenceLayer]:
        """The layers inside, in order."""
        return [layer for layer in self.layers if isinstance(layer, SequenceLayer)]

    def members_at_work(self, state: State) -> list[Stepper]:
        """The steppers of the layers inside, in order."""
        return [layer.stepper(inner) for layer, inner in zip(self.members(), state, strict=True)]


class SeveralStepper(Stepper):
    """Steppers of several layers at work as one; how they hang together, a subclass says."""

    def __init__(self, steppers: Sequence[Stepper]) -> None:
        self._steppers = steppers

    @property
    def state(self) -> State:
        return tuple(stepper.state for stepper in self._steppers)
