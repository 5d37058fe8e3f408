"""What reads an input: what layers that step and encoders have in common."""

import torch

from statewise.contract.inputs import Input, InputForm, Timed, Tokens, values_of
from statewise.contract.placed import Placed


class Reader(Placed):
    """A module that says what it reads: the base of layers that step and of encoders."""

    input_form: InputForm
    output_size: int
    reads_time: bool = False
    """Whether it reads ``Timed.elapsed``; one that does not is handed the values alone."""

    def __init__(self, input_form: InputForm, output_size: int) -> None:
        super().__init__()
        self.input_form = input_form
        self.output_size = output_size

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


def example_input(reader: Reader, batch: int, time: int, *, seed: int = 0) -> Input:
    """A random input for any layer or encoder, in its dtype and on its device.

    Tokens uniform, vectors normal; where time is read, time stamps between 0.1 and 1.1.

    >>> from statewise.layers.recurrent.lstm import LSTM
    >>> values_of(example_input(LSTM(input_size=3, hidden_size=4), batch=2, time=7)).shape
    torch.Size([2, 7, 3])
    """
    generator = torch.Generator().manual_seed(seed)
    form, place = reader.input_form, reader.zeros(0)
    if isinstance(form, Tokens):
        values = torch.randint(form.vocabulary, (batch, time), generator=generator).to(place.device)
    else:
        values = torch.randn(batch, time, form.size, generator=generator, dtype=torch.float64).to(place)
    if not reader.reads_time:
        return values
    return Timed(values, (0.1 + torch.rand(batch, time, generator=generator, dtype=torch.float64)).to(place))
