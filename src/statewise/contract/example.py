"""Random inputs: what whoever tries or measures a layer of any kind feeds it."""

import torch
from torch import Tensor

from statewise.contract.inputs import Input, InputForm, Timed, Tokens
from statewise.contract.placed import Placed
from statewise.contract.reader import Reader


def example_values(form: InputForm, shape: tuple[int, ...], module: Placed, *, seed: int = 0) -> Tensor:
    """Random values of an input form, in the dtype and on the device of ``module``: tokens uniform, vectors normal.

    Tokens are of ``shape``, vectors of that and their size. A node of a graph, a step of a source, is drawn as any.

    >>> from statewise.contract.inputs import Vectors
    >>> example_values(Vectors(3), (2, 7), Placed()).shape
    torch.Size([2, 7, 3])
    """
    return _drawn(form, shape, module.zeros(0), torch.Generator().manual_seed(seed))


def example_input(reader: Reader, batch: int, time: int, *, seed: int = 0) -> Input:
    """A random sequence for any layer or encoder, in its dtype and on its device: see ``example_values``.

    Where time is read, time stamps lie between 0.1 and 1.1.

    >>> from statewise.layers.recurrent.lstm import LSTM
    >>> example_input(LSTM(input_size=3, hidden_size=4), batch=2, time=7).shape
    torch.Size([2, 7, 3])
    """
    generator, place = torch.Generator().manual_seed(seed), reader.zeros(0)
    values = _drawn(reader.input_form, (batch, time), place, generator)
    if not reader.reads_time:
        return values
    return Timed(values, (0.1 + torch.rand(batch, time, generator=generator, dtype=torch.float64)).to(place))


def _drawn(form: InputForm, shape: tuple[int, ...], place: Tensor, generator: torch.Generator) -> Tensor:
    if isinstance(form, Tokens):
        return torch.randint(form.vocabulary, shape, generator=generator).to(place.device)
    return torch.randn(*shape, form.size, generator=generator, dtype=torch.float64).to(place)
