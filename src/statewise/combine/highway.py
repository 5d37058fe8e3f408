"""A gated path past any layer."""

from torch import Tensor

from statewise.combine.gate import Gate
from statewise.combine.wrapper import Wrapper, width_kept
from statewise.contract import Input, SequenceLayer, values_of


class Highway(Wrapper):
    """y = t * layer(x) + (1 - t) * x, t = sigmoid(W x + b).

    Source: Srivastava, Greff & Schmidhuber 2015, "Highway Networks", eq. 3. Our b begins below 0 (section 2.2), so that
    at the start nearly all of x passes by and a deep stack can be trained.

    Args:
        layer: the layer inside, as wide at its output as at its input.
        bias: what b begins with; the deeper the stack, the further below 0.

    Raises:
        ValueError: if the layer's output is not as wide as its input.

    >>> import torch
    >>> from statewise.layers.recurrent.lstm import LSTM
    >>> layer, x = LSTM(input_size=4, hidden_size=4), torch.randn(2, 7, 4)
    >>> torch.allclose(Highway(layer, bias=-50.0)(x)[0], x)
    True
    """

    def __init__(self, layer: SequenceLayer, *, bias: float = -1.0) -> None:
        width = width_kept(layer, "a highway")
        super().__init__(layer)
        self.gate = Gate(width, width, bias=bias)

    def after(self, x: Input, y: Tensor) -> Tensor:
        passing = values_of(x)
        t = self.gate(passing)
        return t * y + (1 - t) * passing
