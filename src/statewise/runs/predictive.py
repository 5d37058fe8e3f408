"""Predictive intervals around what thinned models say, and whether they hold as much as they promise.

What comes is taken to be y_s + e: what a thinned model s says (``train.monte_carlo``), and an error e that the model
made on validation. With F the distribution of the errors, P(y_s + e <= t) = mean over s of F(t - y_s).
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from statewise.errors import UserError
from statewise.runs.folder import LoadedRun
from statewise.runs.intervals import Intervals
from statewise.tasks.answers import Regression
from statewise.tasks.resolve import make_task
from statewise.tasks.scores import add_scores
from statewise.train.evaluation import answers
from statewise.train.monte_carlo import sampled_answers

MOST_ERRORS = 1000
"""Errors on validation that intervals are made of"""


def validation_errors(run: LoadedRun) -> Tensor:
    """``(J, K)``: target less output, of K numbers at J positions of the validation part, as the outputs are scaled.

    At most ``MOST_ERRORS`` positions, evenly spaced.

    Raises:
        UserError: if the data of the training are not what they were.
    """
    task = make_task(run.config.task, run.config.task_options)
    if task.fingerprint() != run.preprocessing["data"]:
        raise UserError(
            "the data of the run are not what they were when it was trained, and intervals need the errors on their "
            "validation part; put them back, or leave intervals out"
        )
    answered = answers(run.model, task, "valid", batch_size=run.config.train.batch_size)
    errors = torch.cat([(batch.targets - outputs)[batch.weights > 0] for outputs, batch in answered])
    return errors[:: max(1, -(-len(errors) // MOST_ERRORS))]


def interval_of_sums(samples: Tensor, errors: Tensor, level: float) -> Tensor:
    """``(2, K)``: between what the share ``level`` of all sums of ``samples (S, K)`` and ``errors (J, K)`` lies.

    >>> interval_of_sums(torch.tensor([[0.0], [10.0]]), torch.tensor([[-1.0], [1.0]]), 1.0).flatten().tolist()
    [-1.0, 11.0]
    """
    sums = (samples.unsqueeze(1) + errors.unsqueeze(0)).flatten(0, 1).double().numpy()
    return torch.from_numpy(np.quantile(sums, [(1 - level) / 2, (1 + level) / 2], axis=0))


def inside_interval(samples: Tensor, errors: Tensor, targets: Tensor, level: float) -> Tensor:
    """Whether ``targets (P, K)`` lie in the intervals of ``samples (S, P, K)`` and ``errors (J, K)``.

    >>> samples, errors = torch.zeros(2, 3, 1), torch.linspace(-1, 1, 101).unsqueeze(1)
    >>> inside_interval(samples, errors, torch.tensor([[0.0], [0.85], [0.95]]), 0.9).flatten().tolist()
    [True, True, False]
    """
    ordered = errors.T.sort(dim=1).values.contiguous()
    asked = (targets.unsqueeze(0) - samples).movedim(2, 0).to(ordered.dtype)
    below = torch.searchsorted(ordered, asked.flatten(1).contiguous(), right=True).reshape(asked.shape)
    share = below.double().mean(dim=1).T / len(errors)
    return ((1 - level) / 2 <= share) & (share <= (1 + level) / 2)


def score_thinned(run: LoadedRun, intervals: Intervals) -> dict[str, Any]:
    """Scores on test of the mean of thinned models, and, of numbers, what share of them the intervals hold.

    Raises:
        UserError: if the model has no dropout, or the data of the training are not what they were.
    """
    task = make_task(run.config.task, run.config.task_options)
    errors = validation_errors(run) if isinstance(task, Regression) else None
    scores, held = [], []
    for samples, batch in sampled_answers(
        run.model,
        task,
        "test",
        batch_size=run.config.train.batch_size,
        samples=intervals.samples,
        seed=intervals.seed,
    ):
        scores.append(task.scores(task.pool(samples), batch))
        counted = batch.weights > 0
        if errors is not None:
            held.append(inside_interval(samples[:, counted], errors, batch.targets[counted], intervals.level))
    found: dict[str, Any] = {"samples": intervals.samples, "test": add_scores(scores)}
    if held:
        found["interval"] = {"level": intervals.level, "held": float(torch.cat(held).double().mean())}
    return found
