"""The laws of layers that read a whole sequence at once."""

import pytest
import torch
from torch import Tensor, nn

from statewise import laws
from statewise.combine.bidirectional import Bidirectional
from statewise.contract import EncoderLayer, Timed, Tokens, Vectors
from statewise.laws.encoder import ENCODER_LAWS
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


class LeakOfZeroTimesTheOthers(MeanOverTime):
    """Equal in company and alone, until somebody is NaN."""

    def _encode(self, x: Tensor, lengths: Tensor) -> Tensor:
        valid = (torch.arange(x.shape[1]) < lengths.unsqueeze(1)).unsqueeze(2)
        return super()._encode(x, lengths) + 0 * torch.where(valid, x, 0.0).sum()


class CallsCounted(MeanOverTime):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def _encode(self, x: Tensor, lengths: Tensor) -> Tensor:
        self.calls += 1
        return super()._encode(x, lengths)


class LongestSoFar(MeanOverTime):
    """Remembers how long the first batch was."""

    longest: int | None = None

    def _encode(self, x: Tensor, lengths: Tensor) -> Tensor:
        seen, self.longest = self.longest or x.shape[1], x.shape[1]
        return super()._encode(x, lengths) * seen / x.shape[1] if x.shape[1] else super()._encode(x, lengths)


class SinglePrecision(MeanOverTime):
    def _encode(self, x: Tensor, lengths: Tensor) -> Tensor:
        return super()._encode(x, lengths).float()


class ShadowParameters(MeanOverTime):
    """Weights on a list beside the registered ones."""

    def __init__(self) -> None:
        super().__init__()
        self.shadow = [self.linear.weight]

    def _encode(self, x: Tensor, lengths: Tensor) -> Tensor:
        return super()._encode(x, lengths) + x @ self.shadow[0].T


class MeanCut(MeanOverTime):
    def _encode(self, x: Tensor, lengths: Tensor) -> Tensor:
        return super()._encode(x, lengths) + super()._encode(x.detach(), lengths)


class WeightCutOnOnePath(MeanOverTime):
    def _encode(self, x: Tensor, lengths: Tensor) -> Tensor:
        return super()._encode(x, lengths) + x @ self.linear.weight.detach().T


class OverflowsInSinglePrecision(MeanOverTime):
    def _encode(self, x: Tensor, lengths: Tensor) -> Tensor:
        return super()._encode(x, lengths) * 1e30 * 1e30 / 1e60


class OfTokens(MeanOverTime):
    """The same, of 7 words."""

    def __init__(self) -> None:
        super().__init__()
        self.input_form = Tokens(7)
        self.embedding = nn.Embedding(7, 3)

    def _encode(self, x: Tensor, lengths: Tensor) -> Tensor:
        return super()._encode(self.embedding(x), lengths)


class WithTimeStamps(MeanOverTime):
    """The same, each step weighed by the time before it."""

    reads_time = True

    def _encode(self, x: Timed, lengths: Tensor) -> Tensor:
        return super()._encode(x.values * x.elapsed.unsqueeze(2), lengths)


@pytest.mark.parametrize("kind", [MeanOverTime, OfTokens, WithTimeStamps])
@pytest.mark.parametrize("seed", [0, 1])
def test_an_encoder_that_masks_by_length_keeps_the_laws(kind: type[EncoderLayer], seed: int):
    torch.manual_seed(seed)
    laws.check(kind(), seed=seed)


@pytest.mark.parametrize("kind", [LSTM, GRU])
def test_bidirectional_keeps_the_laws(kind):
    laws.check(Bidirectional(kind(input_size=3, hidden_size=4), kind(input_size=3, hidden_size=2)))


FAULTS = [
    (PaddingInTheMean, "padding changes nothing", "padding with"),
    (PaddingTimesZero, "padding changes nothing", "padding with nan"),
    (MeanOverTheBatch, "batch = one by one", "row 0"),
    (InputInPlace, "pure", "a call changes the input"),
    (ParameterForgotten, "gradients", "parameter 'forgotten' is never reached"),
    (OneOutputARow, "contract", "returns (5, 9, 3) torch.float64, expected (5, 9, 4)"),
    (SinglePrecision, "contract", "torch.float32, expected (5, 9, 4) torch.float64"),
    (CallsCounted, "pure", "a call changes the weights and buffers['calls']"),
    (LongestSoFar, "pure", "the same call twice"),
    (LeakOfZeroTimesTheOthers, "rows are independent", "beside a row of NaN"),
    (ShadowParameters, "parameters are the whole truth", "functional_call: output"),
    (WeightCutOnOnePath, "gradients", "the derivative in parameter 'linear.weight'"),
    (MeanCut, "gradients", "the derivative in "),
    (OverflowsInSinglePrecision, "precisions", "the output in torch.float32 is not finite"),
]


@pytest.mark.parametrize(("kind", "law", "place"), FAULTS, ids=[kind.__name__ for kind, _, _ in FAULTS])
def test_a_wrong_encoder_is_noticed_and_named(kind: type[EncoderLayer], law: str, place: str):
    with pytest.raises(laws.LawBroken) as caught:
        laws.check(kind())
    assert caught.value.law == law
    assert place in str(caught.value)


def test_every_law_notices_something():
    assert {law for _, law, _ in FAULTS} == set(ENCODER_LAWS)


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
