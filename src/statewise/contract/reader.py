"""What reads an input: what layers that step and encoders have in common."""

import torch
from torch import nn

from statewise.contract.inputs import Input, InputForm, Timed, Vectors, values_of
from statewise.contract.placed import Placed


class Reader(Placed):
    """A module that says what it reads: the base of layers that step and of encoders."""

    input_form: InputForm
    output_size: int
    reads_time: bool = False
    """Whether it reads ``Timed.elapsed``; one that does not is handed the values alone."""

    def __init__(self, input_form: InputForm, output_size: int) -> None:
        """Raises ``ValueError`` if it is to read or put out no numbers."""
        super().__init__()
        size = input_form.size if isinstance(input_form, Vectors) else input_form.vocabulary
        if min(size, output_size) < 1:
            raise ValueError(f"sizes must be at least 1, got {size} of the input and {output_size} of the output")
        self.input_form = input_form
        self.output_size = output_size

    def fixed_weights(self) -> int:
        """How many weights of its own, without those of modules inside, are never trained: see ``count_fixed``.

        A layer with sparse ones says here how many there would be where it is made on the meta device, on which
        nothing has a value.
        """
        return count_fixed(self)

    def as_read(self, x: Input, axes: int) -> Input:
        """``x`` as this module reads it: its values alone, or with time stamps, which are 1 where ``x`` has none.

        Args:
            x: a sequence or a single step.
            axes: those before the width: 2 of a sequence, 1 of a step.

        Raises:
            ValueError: if the time stamps are not one a row and step.
        """
        values = values_of(x)
        if not self.reads_time:
            return values
        shape = values.shape[:axes]
        if not isinstance(x, Timed):
            like = values if values.is_floating_point() else self.zeros(0)
            return Timed(values, like.new_ones(shape))
        if x.elapsed.shape != shape:
            raise ValueError(
                f"elapsed must be {tuple(shape)}, one number a row and step as the values are, "
                f"got shape {tuple(x.elapsed.shape)}"
            )
        return x


def count_fixed(module: nn.Module) -> int:
    """The numbers in a module's own floating-point buffers that are not zero.

    Raises:
        RuntimeError: on the meta device, where there are any.
    """
    return sum(
        int(torch.count_nonzero(b)) for b in module.buffers(recurse=False) if b.numel() and b.is_floating_point()
    )
