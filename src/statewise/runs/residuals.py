"""The errors that a run made on its validation part: those of each series, and of all of them together."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from statewise.errors import UserError
from statewise.runs.folder import LoadedRun
from statewise.tasks.answers import Regression
from statewise.tasks.resolve import make_task
from statewise.train.evaluation import answers

MOST_ERRORS = 1000
"""Errors, of one series or of all, that intervals are made of"""


@dataclass(frozen=True)
class Residuals:
    """Target less output, of K numbers at J positions ``(J, K)``, as the outputs are scaled."""

    of_all: Tensor
    of_series: dict[str, Tensor]
    """Name of a series -> its own; empty where there is but one"""
    stretches: dict[str, int]
    """Name of a series, empty where there is but one -> how many answers of its validation part share no step"""

    def own(self, series: str, level: float) -> bool:
        """Whether a series has enough errors of its own for intervals that hold the share ``level``.

        Enough is when of as many independent errors one lies beyond either edge (``rank_beyond``), errors of answers
        that share steps counting as one.
        """
        return not self.of_series or rank_beyond(self.stretches.get(series, 0), level) >= 1

    def enough(self, level: float) -> bool:
        """Whether there are so many of all series together."""
        return rank_beyond(sum(self.stretches.values()), level) >= 1

    def of(self, series: str, level: float) -> Tensor:
        """The errors of a series where it has enough of its own, else those of all."""
        return self.of_series[series] if self.of_series and self.own(series, level) else self.of_all


def rank_beyond(count: int, level: float) -> int:
    """The rank r of split conformal prediction's edges among ``count`` errors, the lower the r-th smallest.

    r = floor((count + 1) (1 - level) / 2): one more error, exchangeable with these, then lies between the r-th smallest
    and the r-th largest with probability 1 - 2 r / (count + 1), at least ``level`` (Vovk, Gammerman & Shafer 2005; Lei
    et al. 2018, "Distribution-free predictive inference for regression", theorem 2.2). 0 where there are too few.

    >>> rank_beyond(18, 0.9), rank_beyond(19, 0.9), rank_beyond(1000, 0.9)
    (0, 1, 50)
    """
    return math.floor((count + 1) * (1 - level) / 2 + 1e-9)


def validation_residuals(run: LoadedRun) -> Residuals:
    """Of all positions of the validation part, or ``MOST_ERRORS`` of them, evenly spaced.

    Raises:
        UserError: if the data of the training are not what they were.
    """
    task = make_task(run.config.task, run.config.task_options)
    assert isinstance(task, Regression)
    if task.fingerprint() != run.preprocessing["data"]:
        raise UserError(
            "the data of the run are not what they were when it was trained, and intervals need the errors on their "
            "validation part; put them back, or leave intervals out"
        )
    errors, numbers = [], []
    for outputs, batch in answers(run.model, task, "valid", batch_size=run.config.train.batch_size):
        counted = batch.weights > 0
        errors.append((batch.targets - outputs)[counted])
        if batch.series is not None:
            numbers.append(batch.series[counted])
    found = torch.cat(errors)
    if not task.series:
        return Residuals(_spaced(found), {}, {"": -(-len(found) // task.horizon)})
    of = torch.cat(numbers)
    counts = torch.bincount(of, minlength=len(task.series)).tolist()
    return Residuals(
        _spaced(found),
        {name: _spaced(found[of == number]) for number, name in enumerate(task.series)},
        {name: -(-count // task.horizon) for name, count in zip(task.series, counts, strict=True)},
    )


def _spaced(errors: Tensor) -> Tensor:
    return errors[:: max(1, -(-len(errors) // MOST_ERRORS))]
