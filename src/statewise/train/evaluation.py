"""Scores of a model on a split, with the state carried from batch to batch."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from statewise.contract import Model
from statewise.tasks.batch import Batch, Split
from statewise.tasks.data import TaskData
from statewise.tasks.scores import Scores, add_scores
from statewise.tasks.task import Task
from statewise.train.forward import full_precision, going_on, run_body, to_device


def evaluate(model: Model, task: Task, split: Split, *, batch_size: int, length: int | None = None) -> dict[str, float]:
    """Every metric of ``task`` on a split; the model stays where it is and in the mode it was in.

    Scores are worked out on the CPU, where the batches are made.

    Args:
        model: any model for the task.
        task: what is scored.
        split: ``valid`` or ``test``.
        batch_size: rows a pass.
        length: sequences of this length; ``None`` = as in training.
    """
    answered = answers(model, task, split, batch_size=batch_size, length=length)
    return add_scores([task.scores(outputs, batch) for outputs, batch in answered])


def evaluate_series(model: Model, task: Task, split: Split, *, batch_size: int) -> dict[str, dict[str, float]]:
    """Name of each of the task's several series -> every metric on its part of a split. See ``evaluate``."""
    parts: dict[str, list[Scores]] = {name: [] for name in task.series}
    for outputs, batch in answers(model, task, split, batch_size=batch_size):
        assert batch.series is not None
        for row, number in enumerate(batch.series[:, 0].tolist()):
            parts[task.series[number]].append(task.scores(outputs[row : row + 1], batch.rows(row, row + 1)))
    return {name: add_scores(scores) for name, scores in parts.items()}


def evaluate_heads(
    model: Model, heads: Sequence[nn.Module], task: Task, split: Split, *, batch_size: int
) -> list[dict[str, float]]:
    """Every metric with each head in the place of the model's, in one pass of the body. See ``evaluate``."""
    parts: list[list[Scores]] = [[] for _ in heads]
    for features, batch in _features(model, task, split, batch_size=batch_size, length=None):
        for head, scores in zip(heads, parts, strict=True):
            scores.append(task.scores(_read_out(head, features), batch))
    return [add_scores(scores) for scores in parts]


def answers(
    model: Model, data: TaskData, split: Split, *, batch_size: int, length: int | None = None
) -> Iterator[tuple[Tensor, Batch]]:
    """Outputs on the CPU and the batch they answer, for every batch of a split. See ``evaluate``."""
    for features, batch in _features(model, data, split, batch_size=batch_size, length=length):
        yield _read_out(model.head, features), batch


def _read_out(head: nn.Module, features: Tensor) -> Tensor:
    with torch.no_grad():
        return full_precision(head(features)).cpu()


def _features(
    model: Model, data: TaskData, split: Split, *, batch_size: int, length: int | None
) -> Iterator[tuple[Tensor, Batch]]:
    """What the head reads, where the model is, and the batch on the CPU; the model is in eval mode meanwhile."""
    was_training = model.training
    model.eval()
    carry = None
    try:
        for batch in data.evaluation(split, batch_size=batch_size, length=length):
            here = to_device(batch, model.device)
            with torch.no_grad():
                features, carry = run_body(model, here, going_on(carry, batch))
            yield features, batch
    finally:
        model.train(was_training)
