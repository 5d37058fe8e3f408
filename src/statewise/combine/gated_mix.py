"""Two layers side by side, mixed by a gate."""

from collections.abc import Sequence

from torch import Tensor

from statewise.combine.branches import Branches
from statewise.combine.gate import Gate
from statewise.contract import Input, SequenceLayer, Vectors, values_of


class GatedMix(Branches):
    """y = g * a(x) + (1 - g) * b(x), g = sigmoid(W x + b): at every step and unit, how much of the one and the other.

    Source: Jacobs, Jordan, Nowlan & Hinton 1991, "Adaptive Mixtures of Local Experts", eq. 1 with two experts, whose
    softmax is this sigmoid, and a gate a unit. The state is the pair of the layers' states.

    >>> import torch
    >>> from statewise.layers.attention.self_attention import SelfAttention
    >>> from statewise.layers.recurrent.lstm import LSTM
    >>> far = SelfAttention(input_size=8, hidden_size=8, context_length=5)
    >>> y, (window, cell) = GatedMix(far, LSTM(input_size=8, hidden_size=8))(torch.randn(2, 7, 8))
    >>> y.shape, cell.h.shape
    (torch.Size([2, 7, 8]), torch.Size([2, 8]))

    Raises:
        ValueError: if the two read or put out different things, or read tokens.
    """

    def __init__(self, a: SequenceLayer, b: SequenceLayer) -> None:
        super().__init__([a, b])
        if not isinstance(a.input_form, Vectors):
            raise ValueError("a gate needs vectors as input, not tokens")
        self.gate = Gate(a.input_form.size, self.output_size)

    def join(self, x: Input, outputs: Sequence[Tensor]) -> Tensor:
        a, b = outputs
        g = self.gate(values_of(x))
        return g * a + (1 - g) * b
