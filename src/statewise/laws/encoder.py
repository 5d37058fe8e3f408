"""The laws of layers that read a whole sequence at once."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from statewise import tree
from statewise.contract import EncoderLayer, Input, example_input, slice_time, values_of, with_values
from statewise.laws.broken import LawBroken, demand_equal, naming
from statewise.laws.subject import BATCH, TIME, randomise_zeros, rows
from statewise.laws.whole import demand_pure, gradients, parameters_are_the_truth, precisions

LENGTHS = (TIME, 1, 0, 4, 6)


@dataclass(frozen=True)
class Bench:
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
            torch.manual_seed(seed)
            studied = copy.deepcopy(layer).double().eval()
            randomise_zeros(studied, seed)
            law(Bench(studied, example_input(studied, BATCH, TIME, seed=seed), torch.tensor(LENGTHS), seed))


def contract(bench: Bench) -> None:
    """An output of the right width and dtype for every step; of no rows and no steps too."""
    for batch, time in ((BATCH, TIME), (BATCH, 0), (0, TIME)):
        y = bench.layer(slice_time(rows(bench.x, torch.arange(batch)), 0, time))
        expected = (batch, time, bench.layer.output_size)
        if tuple(y.shape) != expected or y.dtype != torch.float64:
            raise LawBroken("contract", f"returns {tuple(y.shape)} {y.dtype}, expected {expected} torch.float64")


def pure(bench: Bench) -> None:
    """Twice the same; input, lengths, weights and buffers untouched; nothing remembered elsewhere."""
    other = (example_input(bench.layer, 2, 3, seed=bench.seed + 1), torch.tensor([3, 2]))
    demand_pure(bench, lambda: {"input": bench.x, "lengths": bench.lengths}, other)


def padding(bench: Bench) -> None:
    """What stands in the padding, and how much of it there is, changes nothing; outputs there are zero."""
    law, layer, x, lengths, padded = "padding changes nothing", bench.layer, bench.x, bench.lengths, bench.padded
    y, values = layer(x, lengths), values_of(x)
    if bool((y[padded] != 0).any()):
        raise LawBroken(law, "outputs at padded positions are not zero")
    if values.is_floating_point():
        for value in (1e6, float("nan")):
            other = with_values(x, values.masked_fill(padded.unsqueeze(2), value))
            demand_equal(law, f"padding with {value}", y, layer(other, lengths))
    longer = tree.map(lambda leaf: torch.cat([leaf, leaf], dim=1), x)
    demand_equal(law, "more padding", y, layer(longer, lengths)[:, :TIME])


def one_by_one(bench: Bench) -> None:
    """A row gives the same in company and alone, without padding."""
    y = bench.layer(*bench.arguments)
    for row, length in enumerate(LENGTHS):
        alone = bench.layer(slice_time(rows(bench.x, torch.tensor([row])), 0, length), torch.tensor([length]))
        demand_equal("batch = one by one", f"row {row}", y[row : row + 1, :length], alone)


def rows_are_independent(bench: Bench) -> None:
    """A row of NaN leaves the others as they were."""
    values = values_of(bench.x)
    if not values.is_floating_point():
        return
    others = torch.tensor([1, 2, 3, 4])
    poisoned = with_values(bench.x, values.index_fill(0, torch.tensor([0]), float("nan")))
    y, beside = bench.layer(*bench.arguments), bench.layer(poisoned, bench.lengths)
    demand_equal("rows are independent", "beside a row of NaN: output", y[others], beside[others])


ENCODER_LAWS: Mapping[str, Callable[[Bench], None]] = {
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
