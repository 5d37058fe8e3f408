"""The laws of layers that read a whole sequence at once."""

import pytest
import torch
from torch import Tensor, nn

from statewise import laws
from statewise.combine.bidirectional import Bidirectional
from statewise.contract import EncoderLayer, Vectors
from statewise.layers.recurrent.gru import GRU
from statewise.layers.recurrent.lstm import LSTM


class MeanOverTime(EncoderLayer):
    """y_t = W (x_t + mean of the row's own x)."""

    def __init__(self) -> None:
        super().__init__(Vectors(3), output_size=4)
        self.linear = nn.Linear(3, 4)

    def _encode(self, x: Tensor, lengths: Tensor) -> Tensor:
        valid = (torch.arange(x.shape[1]) < lengths.unsqueeze(1)).unsqueeze(2)
        total = torch.where(valid, x, 0.0).sum(1, keepdim=True)
        return self.linear(x + total / lengths.clamp(min=1).view(-1, 1, 1))


class PaddingInTheMean(MeanOverTime):
    def _encode(self, x: Tensor, lengths: Tensor) -> Tensor:
        return self.linear(x + x.mean(1, keepdim=True))


class PaddingTimesZero(MeanOverTime):
    """0 * NaN is NaN."""

    def _encode(self, x: Tensor, lengths: Tensor) -> Tensor:
        valid = (torch.arange(x.shape[1]) < lengths.unsqueeze(1)).unsqueeze(2)
        return self.linear(x + (x * valid).sum(1, keepdim=True))


class MeanOverTheBatch(MeanOverTime):
    def _encode(self, x: Tensor, lengths: Tensor) -> Tensor:
        valid = (torch.arange(x.shape[1]) < lengths.unsqueeze(1)).unsqueeze(2)
        return self.linear(x + torch.where(valid, x, 0.0).sum((0, 1)))


class InputInPlace(MeanOverTime):
    def _encode(self, x: Tensor, lengths: Tensor) -> Tensor:
        return super()._encode(x.add_(1), lengths)


class ParameterForgotten(MeanOverTime):
    def __init__(self) -> None:
        super().__init__()
        self.forgotten = nn.Parameter(torch.ones(2))


class OneOutputARow(MeanOverTime):
    def _encode(self, x: Tensor, lengths: Tensor) -> Tensor:
        return super()._encode(x, lengths)[:, :1, :3]


def test_an_encoder_that_masks_by_length_keeps_the_laws():
    laws.check(MeanOverTime())


@pytest.mark.parametrize("kind", [LSTM, GRU])
def test_bidirectional_keeps_the_laws(kind):
    laws.check(Bidirectional(kind(input_size=3, hidden_size=4), kind(input_size=3, hidden_size=2)))


@pytest.mark.parametrize(
    ("kind", "law", "place"),
    [
        (PaddingInTheMean, "padding changes nothing", "padding with"),
        (PaddingTimesZero, "padding changes nothing", "padding with nan"),
        (MeanOverTheBatch, "batch = one by one", "row 0"),
        (InputInPlace, "pure", "the input after a call"),
        (ParameterForgotten, "gradients", "parameter 'forgotten' is never reached"),
        (OneOutputARow, "contract", "returns (5, 9, 3), expected (5, 9, 4)"),
    ],
)
def test_a_wrong_encoder_is_noticed_and_named(kind: type[EncoderLayer], law: str, place: str):
    with pytest.raises(laws.LawBroken) as caught:
        laws.check(kind())
    assert caught.value.law == law
    assert place in str(caught.value)


def test_lengths_are_checked():
    layer = MeanOverTime()
    x = torch.zeros(2, 3, 3)
    with pytest.raises(ValueError, match="absolute, not fractions"):
        layer(x, torch.tensor([0.5, 1.0]))
    with pytest.raises(ValueError, match=r"\(2,\) integers"):
        layer(x, torch.tensor([1]))
    with pytest.raises(ValueError, match="between 0 and 3"):
        layer(x, torch.tensor([1, 4]))


def test_no_lengths_means_that_rows_are_full():
    x = torch.randn(2, 3, 3, generator=torch.Generator().manual_seed(0))
    layer = MeanOverTime()
    torch.testing.assert_close(layer(x), layer(x, torch.tensor([3, 3])), rtol=0, atol=0)


def test_the_two_directions_read_the_same_form():
    narrow, wide = LSTM(input_size=3, hidden_size=4), LSTM(input_size=2, hidden_size=4)
    with pytest.raises(ValueError, match="the two directions read"):
        Bidirectional(narrow, wide)
