"""A sum of slow and fast waves: a series of several time scales whose every value is known in closed form."""

import math

import torch
from torch import Tensor

from statewise.contract import Vectors
from statewise.errors import UserError
from statewise.options import check_at_least
from statewise.tasks.answers import Regression
from statewise.tasks.batch import Batch
from statewise.tasks.generated import GeneratedTask
from statewise.tasks.presentation import as_words
from statewise.tasks.scores import Metric


class Waves(Regression, GeneratedTask):
    """Say where a sum of slow and fast waves will be (in the spirit of Koutnik et al. 2014, section 4.1).

    Inputs ``(B, length, 1)``: x_t = sqrt(2 / K) sum_k cos(2 pi (t / P_k + phase_k)) with K = ``waves`` periods P_k from
    ``fast`` to ``slow``, evenly on a logarithmic axis, and phases uniform on the circle, so that x has mean 0 and
    variance 1 at every step. Asked at every step once the slowest wave has come round, from step ``slow`` on:
    x_(t + ahead). The phases follow from what was seen, so the oracle fits the waves by least squares and goes on with
    them. Chance, always saying the mean, 0: a mean squared error of 1.

    Args:
        fast: steps a period of the fastest wave.
        slow: steps a period of the slowest wave.
        waves: how many.
        ahead: how far ahead the asked value lies.
        shortest: shortest training sequence.
        longest: longest training sequence.
        evaluation_sequences: sequences in each of the validation and test splits.
    """

    name = "waves"
    description = "Say where a sum of slow and fast waves will be"
    primary = Metric("mse", "squared error, in units of the variance", lower_is_better=True)

    def __init__(
        self,
        *,
        fast: int = 6,
        slow: int = 64,
        waves: int = 3,
        ahead: int = 8,
        shortest: int = 128,
        longest: int = 128,
        evaluation_sequences: int = 512,
    ) -> None:
        check_at_least("waves", waves, 2)
        check_at_least("ahead", ahead, 1)
        if not 3 <= fast < slow:
            raise UserError(f"task {self.name} needs 3 <= fast < slow, got {fast} and {slow}")
        super().__init__(
            Vectors(1),
            1,
            shortest=shortest,
            longest=longest,
            evaluation_sequences=evaluation_sequences,
            least_length=slow + 1,
        )
        self.slow = slow
        self.ahead = ahead
        self.periods = [fast * (slow / fast) ** (k / (waves - 1)) for k in range(waves)]

    def draw(self, rows: int, length: int, generator: torch.Generator) -> Tensor:
        return torch.rand(rows, len(self.periods), generator=generator)

    def lay_out(self, contents: Tensor, length: int, generator: torch.Generator) -> Batch:
        turns = torch.arange(length + self.ahead, dtype=torch.float64)[:, None] / torch.tensor(self.periods)
        waves = torch.cos(2 * math.pi * (turns + contents.double().unsqueeze(1)))
        series = (math.sqrt(2 / len(self.periods)) * waves.sum(dim=2, keepdim=True)).to(contents.dtype)
        targets = series[:, self.slow + self.ahead :].contiguous()
        asked = torch.arange(self.slow, length).expand(len(contents), -1)
        return Batch(series[:, :length].contiguous(), targets, targets.new_ones(targets.shape[:2]), positions=asked)

    def chance(self) -> float:
        return 1.0

    def blind(self, batch: Batch) -> Tensor:
        return torch.zeros(batch.targets.shape)

    def oracle(self, batch: Batch) -> Tensor:
        length = batch.values.shape[1]
        turns = torch.arange(length + self.ahead, dtype=torch.float64)[:, None] / torch.tensor(self.periods)
        both = torch.cat([torch.cos(2 * math.pi * turns), torch.sin(2 * math.pi * turns)], dim=1)
        shares = torch.linalg.lstsq(both[:length].expand(len(batch.values), -1, -1), batch.values.double()).solution
        return (both[self.slow + self.ahead :] @ shares).to(batch.values.dtype)

    def example(self, outputs: Tensor, batch: Batch) -> tuple[str, str, str]:
        last = slice(-8, None)
        shown = f"the value {self.ahead} steps after each of: " + as_words(batch.values[0, last].flatten())
        return shown, as_words(batch.targets[0, last].flatten()), as_words(outputs[0, last].flatten())
