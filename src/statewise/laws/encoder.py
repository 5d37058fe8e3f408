"""The laws of layers that read a whole sequence at once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from statewise import tree
from statewise.contract import EncoderLayer, Input, example_input, slice_time, values_of, with_values
from statewise.laws.broken import Fault, demand_equal, naming
from statewise.laws.subject import BATCH, TIME, examined, ragged, rows
from statewise.laws.whole import demand_pure, gradients, parameters_are_the_truth, precisions


@dataclass(frozen=True)
class EncoderSubject:
    """An encoder under examination, in float64, with a ragged batch."""

    layer: EncoderLayer
    x: Input
    lengths: Tensor
    seed: int

    @property
    def arguments(self) -> tuple[Input, Tensor]:
        """What the encoder is called with."""
        return self.x, self.lengths

    @property
    def padded(self) -> Tensor:
        """``(B, T)`` bool: the places beyond a row's length."""
        return torch.arange(TIME) >= self.lengths.unsqueeze(1)


def check_encoder(layer: EncoderLayer, seed: int) -> None:
    """Raise ``LawBroken`` at the first law of encoders that ``layer`` breaks."""
    for name, law in ENCODER_LAWS.items():
        with naming(name):
            studied = examined(layer, seed=seed)
            law(EncoderSubject(studied, example_input(studied, BATCH, TIME, seed=seed), ragged(TIME), seed))


def contract(subject: EncoderSubject) -> None:
    """An output of the right width and dtype for every step; of no rows and no steps too."""
    for batch, time in ((BATCH, TIME), (BATCH, 0), (0, TIME)):
        y = subject.layer(slice_time(rows(subject.x, torch.arange(batch)), 0, time))
        expected = (batch, time, subject.layer.output_size)
        if tuple(y.shape) != expected or y.dtype != torch.float64:
            raise Fault(f"returns {tuple(y.shape)} {y.dtype}, expected {expected} torch.float64")


def pure(subject: EncoderSubject) -> None:
    """Twice the same; input, lengths, weights and buffers untouched; nothing remembered elsewhere."""
    other = (example_input(subject.layer, 2, 3, seed=subject.seed + 1), torch.tensor([3, 2]))
    demand_pure(subject, lambda: {"input": subject.x, "lengths": subject.lengths}, other)


def padding(subject: EncoderSubject) -> None:
    """What stands in the padding, and how much of it there is, changes nothing; outputs there are zero."""
    layer, x, lengths, padded = subject.layer, subject.x, subject.lengths, subject.padded
    y, values = layer(x, lengths), values_of(x)
    if bool((y[padded] != 0).any()):
        raise Fault("outputs at padded positions are not zero")
    if values.is_floating_point():
        for value in (1e6, float("nan")):
            other = with_values(x, values.masked_fill(padded.unsqueeze(2), value))
            demand_equal(f"padding with {value}", y, layer(other, lengths))
    longer = tree.map(lambda leaf: torch.cat([leaf, leaf], dim=1), x)
    demand_equal("more padding", y, layer(longer, lengths)[:, :TIME])


def one_by_one(subject: EncoderSubject) -> None:
    """A row gives the same in company and alone, without padding."""
    y = subject.layer(*subject.arguments)
    for row, length in enumerate(subject.lengths.tolist()):
        alone = subject.layer(slice_time(rows(subject.x, torch.tensor([row])), 0, length), torch.tensor([length]))
        demand_equal(f"row {row}", y[row : row + 1, :length], alone)


def rows_are_independent(subject: EncoderSubject) -> None:
    """A row of NaN leaves the others as they were."""
    values = values_of(subject.x)
    if not values.is_floating_point():
        return
    others = torch.tensor([1, 2, 3, 4])
    poisoned = with_values(subject.x, values.index_fill(0, torch.tensor([0]), float("nan")))
    y, beside = subject.layer(*subject.arguments), subject.layer(poisoned, subject.lengths)
    demand_equal("beside a row of NaN: output", y[others], beside[others])


ENCODER_LAWS: Mapping[str, Callable[[EncoderSubject], None]] = {
    "contract": contract,
    "pure": pure,
    "padding changes nothing": padding,
    "batch = one by one": one_by_one,
    "rows are independent": rows_are_independent,
    "parameters are the whole truth": parameters_are_the_truth,
    "gradients": gradients,
    "precisions": precisions,
}
"""Name of each law of encoders -> the function that tries it; from the narrow to the broad."""
