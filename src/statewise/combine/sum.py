"""Layers side by side, added up."""

from collections.abc import Sequence
from functools import reduce
from operator import add

from torch import Tensor

from statewise.combine.branches import Branches
from statewise.contract import Input


class Sum(Branches):
    """y = layers[0](x) + layers[1](x) + ...; the state is the tuple of the layers' states.

    With a norm before it and a residual around it, x + layer(norm(x)) + feed_forward(norm(x)), it is the parallel block
    of GPT-J (Wang & Komatsuzaki 2021) and PaLM (Chowdhery et al. 2022, section 2).

    >>> import torch
    >>> from statewise.combine.feed_forward import FeedForward
    >>> from statewise.layers.recurrent.lstm import LSTM
    >>> both = Sum([LSTM(input_size=4, hidden_size=4), FeedForward(width=4, inner=6)])
    >>> y, (first, second) = both(torch.randn(2, 7, 4))
    >>> y.shape, first.h.shape, second
    (torch.Size([2, 7, 4]), torch.Size([2, 4]), ())

    Raises:
        ValueError: if there are no layers, or they read or put out different things.
    """

    def join(self, x: Input, outputs: Sequence[Tensor]) -> Tensor:
        return reduce(add, outputs)
