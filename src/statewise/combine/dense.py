"""Dense connections: what a layer reads stays visible to all that follow."""

import torch
from torch import Tensor

from statewise.combine.wrapper import Wrapper
from statewise.contract import Input, SequenceLayer, Vectors, values_of


class Dense(Wrapper):
    """y = [x ; layer(x)]: stacked, every layer reads the input and the outputs of all layers before it, side by side.

    Source: Huang, Liu, van der Maaten & Weinberger 2017, "Densely Connected Convolutional Networks", eq. 2. The width
    grows from layer to layer by what each puts out.

    Raises:
        ValueError: if the layer reads tokens.

    >>> from statewise.combine.stack import Stack
    >>> from statewise.layers.recurrent.lstm import LSTM
    >>> first, second = LSTM(input_size=3, hidden_size=4), LSTM(input_size=7, hidden_size=4)
    >>> Stack([Dense(first), Dense(second)])(torch.randn(2, 7, 3))[0].shape
    torch.Size([2, 7, 11])
    """

    def __init__(self, layer: SequenceLayer) -> None:
        if not isinstance(layer.input_form, Vectors):
            raise ValueError("a dense connection needs vectors as input, not tokens")
        super().__init__(layer, output_size=layer.input_form.size + layer.output_size)

    def after(self, x: Input, y: Tensor) -> Tensor:
        return torch.cat([values_of(x), y], dim=-1)
