"""Predictive intervals around what a model or thinned ones say, and whether they hold as much as they promise.

What comes is taken to be y_s + e: what a thinned model s says (``train.monte_carlo``), and an error e that the model
made on validation, on the same series where it has enough of them (``residuals``). With F the distribution of the
errors, P(y_s + e <= t) = mean over s of F(t - y_s). The model as it is, in the place of thinned ones, makes for split
conformal prediction. That takes errors to come to be like those on validation: where a series changes its ways they are
not, and those on validation are rather small, as the best weights were chosen by them.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from statewise.contract import Model
from statewise.errors import UserError
from statewise.runs.folder import LoadedRun
from statewise.runs.intervals import USUAL_SAMPLES, Intervals
from statewise.runs.residuals import Residuals, rank_beyond, validation_residuals
from statewise.tasks.answers import Regression
from statewise.tasks.batch import Batch
from statewise.tasks.resolve import make_task
from statewise.tasks.scores import Scores, add_scores
from statewise.tasks.task import Task
from statewise.train.evaluation import answers
from statewise.train.monte_carlo import has_noise, sampled_answers


def samples_asked(intervals: Intervals, model: Model) -> int:
    """How many thinned models are asked: as many as were said, else what is usual of such a model."""
    if intervals.samples is not None:
        return intervals.samples
    return USUAL_SAMPLES if has_noise(model) else 0


def interval_of_sums(samples: Tensor, errors: Tensor, level: float) -> Tensor:
    """``(2, K)``: the edges between which the share ``level`` of sums of ``samples (S, K)`` and ``errors (J, K)`` lies.

    As many sums lie beyond either edge as do where all samples say the same and the edges are those of split conformal
    prediction (``residuals.rank_beyond``); of errors that are too few for that, one.

    >>> interval_of_sums(torch.tensor([[0.0], [10.0]]), torch.tensor([[-1.0], [1.0]]), 0.9).flatten().tolist()
    [-1.0, 11.0]
    """
    sums = (samples.unsqueeze(1) + errors.unsqueeze(0)).flatten(0, 1).double().sort(dim=0).values
    rank = _rank_of_sums(len(samples), len(errors), level)
    return torch.stack([sums[rank - 1], sums[-rank]])


def inside_interval(samples: Tensor, errors: Tensor, targets: Tensor, level: float) -> Tensor:
    """Whether ``targets (P, K)`` lie in the intervals of ``samples (S, P, K)`` and ``errors (J, K)``.

    >>> samples, errors = torch.zeros(2, 3, 1), torch.linspace(-1, 1, 101).unsqueeze(1)
    >>> inside_interval(samples, errors, torch.tensor([[0.0], [0.85], [0.95]]), 0.9).flatten().tolist()
    [True, True, False]
    """
    ordered = errors.T.sort(dim=1).values.contiguous()
    asked = (targets.unsqueeze(0) - samples).movedim(2, 0).to(ordered.dtype)
    flat = asked.flatten(1).contiguous()
    below, up_to = (
        torch.searchsorted(ordered, flat, right=right).reshape(asked.shape).sum(dim=1).T for right in (False, True)
    )
    rank = _rank_of_sums(len(samples), len(errors), level)
    return (rank <= up_to) & (below <= len(samples) * len(errors) - rank)


def _rank_of_sums(samples: int, errors: int, level: float) -> int:
    """Where samples all say the same, sums of this rank are those with the error of rank ``rank_beyond``."""
    return math.ceil(samples * (max(1, rank_beyond(errors, level)) - 0.5))


def score_intervals(run: LoadedRun, intervals: Intervals) -> dict[str, Any]:
    """How intervals, and thinned models where they are made of these, do on test.

    Returns:
        Of thinned models, under ``thinned``, what their mean scores; of numbers, under ``interval``, what share of them
        the intervals hold, how many ``samples`` these are made of, and which series have too few errors of their own.

    Raises:
        UserError: if thinned models are asked for and the model has no dropout, there is neither dropout nor numbers,
            or the data of the training are not what they were.
    """
    task, count = make_task(run.config.task, run.config.task_options), samples_asked(intervals, run.model)
    errors = validation_residuals(run) if isinstance(task, Regression) else None
    if errors is None and not count:
        raise UserError(
            f"{run.config.task} asks for no numbers, which alone have intervals, and the run has no dropout; leave "
            "samples and intervals out"
        )
    scores: list[Scores] = []
    held: list[Tensor] = []
    for samples, batch in _sampled(run, task, count, intervals.seed):
        if count:
            scores.append(task.scores(task.pool(samples), batch))
        if errors is not None:
            held.extend(_held(samples, batch, errors, intervals.level, task.series))
    found: dict[str, Any] = {"thinned": {"samples": count, "test": add_scores(scores)}} if count else {}
    if errors is not None:
        pooled = [name for name in task.series if not errors.own(name, intervals.level)]
        share = float(torch.cat(held).double().mean())
        found["interval"] = {"level": intervals.level, "samples": count, "held": share, "pooled": pooled}
    return found


def _sampled(run: LoadedRun, task: Task, count: int, seed: int) -> Iterator[tuple[Tensor, Batch]]:
    """What thinned models say of every batch of the test part ``(S, B, Q, output_size)``; of none, the model once."""
    size = run.config.train.batch_size
    if count:
        yield from sampled_answers(run.model, task, "test", batch_size=size, samples=count, seed=seed)
        return
    for outputs, batch in answers(run.model, task, "test", batch_size=size):
        yield outputs.unsqueeze(0), batch


def _held(samples: Tensor, batch: Batch, errors: Residuals, level: float, series: Sequence[str]) -> Iterator[Tensor]:
    """Whether intervals hold the targets that count, series by series."""
    counted = batch.weights > 0
    numbers = torch.zeros_like(batch.weights, dtype=torch.int64) if batch.series is None else batch.series
    for number in numbers[counted].unique().tolist():
        here = counted & (numbers == number)
        own = errors.of(series[number] if series else "", level)
        yield inside_interval(samples[:, here], own, batch.targets[here], level)
