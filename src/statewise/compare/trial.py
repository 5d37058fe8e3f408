"""One trial: a model trained on a task and scored. A pure function of its spec, so its address is the spec's hash."""

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from statewise.compare.builders import Builders
from statewise.compare.config import SCHEMA
from statewise.compare.examples import make_example
from statewise.compare.measure import measure
from statewise.compare.trained_on import task_to_train_on
from statewise.contract import Model
from statewise.models.config import ModelConfig
from statewise.tasks.data import TaskData
from statewise.tasks.scores import Scores, add_scores
from statewise.tasks.task import Task
from statewise.train.config import TrainConfig
from statewise.train.convergence import convergence
from statewise.train.evaluation import answers, evaluate
from statewise.train.start import make_trainer

MOST_EXAMPLES = 1000
"""Test examples whose scores are kept apart"""


@dataclass(frozen=True)
class TrialSpec:
    """Everything that decides a trial's scores."""

    task: str
    task_options: Mapping[str, Any]
    """Of the task that is scored"""
    trained_options: Mapping[str, Any]
    """Of the task that is trained on"""
    fingerprint: str
    """Of the tasks' data"""
    source: str
    """Hash of the code that decides the scores, that of one's own layers and tasks included"""
    model: ModelConfig
    train: TrainConfig
    lengths: tuple[int, ...] = ()
    """Lengths at which the finished model is scored"""
    test: bool = False
    """Whether the test split is looked at: never in tuning"""
    measured: bool = False
    """Whether this is a measurement of time and memory and not a training"""

    def address(self) -> str:
        """Hash of the spec and the schema of its result."""
        content = json.dumps({"schema": SCHEMA, **asdict(self)}, sort_keys=True, default=str)
        return hashlib.sha256(content.encode()).hexdigest()[:20]


def run_trial(spec: TrialSpec, builders: Builders) -> dict[str, Any]:
    """Train, score, and say all of it as plain data."""
    began = time.perf_counter()
    torch.set_num_threads(1)
    task = builders.make_task(spec.task, spec.task_options)
    trained_on = task_to_train_on(task, builders, spec.task, spec.task_options, spec.trained_options)
    torch.manual_seed(spec.train.seed)
    model = builders.make_model(spec.model, task.input_form, task.output_size)
    if spec.measured:
        result = measure(model, task, spec.train, trained_on=trained_on)
    else:
        result = _train_and_score(model, task, trained_on, spec)
    return {**result, "seconds": time.perf_counter() - began}


def _train_and_score(model: Model, task: Task, trained_on: TaskData, spec: TrialSpec) -> dict[str, Any]:
    result: dict[str, Any] = {"status": "ok", "reason": None, "curve": [], "solved_step": None, "by_length": {}}
    trainer = make_trainer(model, task, spec.train, trained_on=trained_on)
    outcome = trainer.run()
    progress = outcome.progress
    result |= {"valid": progress.best_valid, "solved_step": progress.solved_step, "tokens": progress.tokens}
    result["training_seconds"] = trainer.clock.seconds
    result["curve"] = [
        {"step": e.step, "tokens": e.tokens, "train_loss": e.train_loss, "valid": e.valid} for e in outcome.history
    ]
    if outcome.status == "diverged":
        result.update(status="diverged", reason=outcome.advice)
    if spec.test and result["status"] == "ok":
        result.update(_final_scores(model, task, spec))
    return result


def _final_scores(model: Model, task: Task, spec: TrialSpec) -> dict[str, Any]:
    """Test scores, scores by length, and an example."""
    size = spec.train.batch_size
    metrics, by_series, examples = _test_scores(model, task, size)
    solved = convergence(model, task, "test", batch_size=size)
    by_length = {
        str(length): evaluate(model, task, "test", batch_size=size, length=length)[task.primary.name]
        for length in spec.lengths
    }
    return {
        "metrics": metrics,
        "test": metrics[task.primary.name],
        "examples": examples,
        "by_series": by_series,
        "by_length": by_length,
        "example": make_example(model, task, batch_size=size),
        "solver": None if solved is None else asdict(solved),
    }


def _test_scores(model: Model, task: Task, batch_size: int) -> tuple[dict[str, float], dict[str, float], list[float]]:
    """Every metric on the test split, the primary one of each series, and what each example adds to it, their mean.

    An example is a row of a batch; where there are many, neighbours count as one.
    """
    name, parts, rows = task.primary.name, [], []
    of_series: dict[str, list[Scores]] = {}
    for outputs, batch in answers(model, task, "test", batch_size=batch_size):
        parts.append(task.scores(outputs, batch))
        for row in range(len(outputs)):
            one = task.scores(outputs[row : row + 1], batch.rows(row, row + 1))
            rows.append((one.sums[name], one.counts[name]))
            if batch.series is not None:
                of_series.setdefault(task.series[int(batch.series[row, 0])], []).append(one)
    blocks = np.array_split(np.array(rows), min(len(rows), MOST_EXAMPLES))
    sums = np.array([block[:, 0].sum() for block in blocks])
    by_series = {series: add_scores(scores)[name] for series, scores in of_series.items()}
    return add_scores(parts), by_series, (sums * len(sums) / max(sum(count for _, count in rows), 1e-12)).tolist()
