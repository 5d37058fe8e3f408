"""One arm of a comparison's result: its config, cost, trials, seeds, and what they come to."""

import math
from collections.abc import Mapping
from dataclasses import fields
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np

from statewise.compare.budget import arm_cost, cost_of, passes_of
from statewise.compare.builders import Builders
from statewise.compare.jobs import ArmRecord
from statewise.compare.outcomes import Outcomes
from statewise.compare.result import (
    ArmResult,
    Cost,
    ExpectedBest,
    Parameters,
    Reach,
    Score,
    Seed,
    Solved,
    Spent,
    Trial,
)
from statewise.compare.verdict import why_unscored
from statewise.cost.parameters import count_parameters
from statewise.metrics.intervals import Interval, mean_interval, standard_error, wilson_interval
from statewise.metrics.summaries import expected_best, median_steps
from statewise.tasks.data import TaskData
from statewise.tasks.objective import Objective
from statewise.tasks.task import Task

REACHED = 0.9
"""The accuracy from which on a length counts as handled"""

Part = TypeVar("Part", Trial, Seed)


def describe_arm(record: ArmRecord, task: Task, outcomes: Outcomes, builders: Builders) -> ArmResult:
    """Everything the result says of an arm."""
    arm = record.chosen
    scored = arm.label in outcomes.runs
    cost = _cost(record, builders, task)
    return ArmResult(
        label=arm.label,
        model=arm.name,
        family=arm.kind.family,
        paper=arm.kind.paper,
        companion=arm.companion,
        status="unreachable" if arm.reason else "ok" if scored else "failed",
        reason=why_unscored(record),
        config=arm.setup,
        cost=cost,
        tuning=[_known(Trial, trial) for trial in record.tuning],
        seeds=[_known(Seed, seed) for seed in record.seeds],
        score=_score(outcomes, arm.label) if scored else None,
        solved=_solved(record, outcomes) if scored and task.bimodal else None,
        reach=_reach(record, task) if scored and task.primary.bounds == (0.0, 1.0) else None,
        spent=_spent(record, cost.flops_per_token),
        expected_best=_expected_best(outcomes, arm.label),
    )


def bounded(found: Interval, scores: np.ndarray, objective: Objective) -> tuple[float | None, float | None]:
    """The ends of an interval, no further out than scores can be; None where nothing is known of one."""
    lowest, highest = objective.primary.bounds
    low, high = max(found.low, min(lowest, *scores)), min(found.high, max(highest, *scores))
    return (float(low) if math.isfinite(found.low) else None), (float(high) if math.isfinite(found.high) else None)


def _cost(record: ArmRecord, builders: Builders, task: Task) -> Cost:
    model, measured = record.chosen.setup.model, record.measured or {}
    return Cost(
        parameters=Parameters(**cost_of(count_parameters, task, builders, model)._asdict()),
        flops_per_token=arm_cost("flops", task, builders, model),
        state_bytes=arm_cost("state", task, builders, model),
        step_latency_us=measured.get("step_latency_us"),
        tokens_per_second=measured.get("tokens_per_second"),
        peak_memory_mb=measured.get("peak_memory_mb"),
        waited=measured.get("waited"),
        busy=measured.get("busy", False),
    )


def _known(kind: type[Part], told: Mapping[str, Any]) -> Part:
    """What a trial's file says of a part of the result; where it ended early, the rest is not known."""
    return kind(**{part.name: told[part.name] for part in fields(kind) if told.get(part.name) is not None})


def _score(outcomes: Outcomes, label: str) -> Score:
    """Mean over all seeds, the failed ones at their price."""
    runs = outcomes.runs[label]
    found = mean_interval(runs.filled)
    low, high = bounded(found, runs.filled, outcomes.objective)
    noise = None if runs.examples is None else standard_error(runs.examples.mean(axis=0))
    return Score(found.mean, low, high, found.n, found.kind, noise)


def _solved(record: ArmRecord, outcomes: Outcomes) -> Solved:
    solved = outcomes.solved(record.arm.label)
    found = wilson_interval(sum(solved), len(solved))
    steps = [float(seed.get("solved_step") or record.chosen.setup.train.steps) for seed in record.seeds]
    reached = [seed.get("solved_step") is not None for seed in record.seeds]
    return Solved(found.mean, found.low, found.high, median_steps(steps, reached), found.kind)


def _reach(record: ArmRecord, data: TaskData) -> Reach:
    """Of the mean accuracy over the finished seeds at every length."""
    by_length = [seed["by_length"] for seed in record.seeds if seed.get("by_length")]
    lengths = sorted({int(length) for scores in by_length for length in scores})
    means = {length: float(np.mean([scores[str(length)] for scores in by_length])) for length in lengths}
    longest = None
    for length in lengths:
        if means[length] < REACHED:
            break
        longest = length
    trained = data.train_lengths[1] if data.train_lengths else 0
    beyond = [(math.log(length), score) for length, score in means.items() if length >= trained]
    span = beyond[-1][0] - beyond[0][0] if beyond else 0.0
    area = sum((x - w) * (y + z) / 2 for (w, z), (x, y) in pairwise(beyond))
    return Reach(longest, area / span if span else None)


def _spent(record: ArmRecord, flops_per_token: int) -> Spent:
    runs = [*record.tuning, *record.seeds]
    passes = passes_of(record.chosen.setup.train)
    return Spent(
        trials=len(record.tuning),
        failed=sum(run["status"] != "ok" for run in runs),
        training_seconds=sum(run.get("training_seconds") or 0.0 for run in runs),
        flops=float(passes * flops_per_token * sum(run.get("tokens") or 0 for run in runs)),
    )


def _expected_best(outcomes: Outcomes, label: str) -> list[ExpectedBest]:
    values = expected_best(outcomes.tuning.get(label, []), lower_is_better=outcomes.objective.primary.lower_is_better)
    return [ExpectedBest(number, value) for number, value in enumerate(values, start=1)]
