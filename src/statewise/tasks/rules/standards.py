"""Rules of the standards of a task: its oracle is perfect, its blind answers score chance, baselines are scored."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from statewise.tasks.batch import Batch
from statewise.tasks.generated import GeneratedTask
from statewise.tasks.rules.broken import demand
from statewise.tasks.rules.tried import EVALUATED, ROWS, evaluated, lengths_tried
from statewise.tasks.scores import add_scores
from statewise.tasks.task import Task

STANDARD_ERRORS = 5.0
"""How far from the stated chance level a measured one may be"""
EXACT = 1e-4
"""How far a score may be off that is no matter of chance"""

Answer = Callable[[Batch], Tensor | None]


def oracle(task: Task) -> None:
    """The oracle scores perfectly without having seen the targets; every generated task has one."""
    known = task.oracle(task.train_batch(0, batch_size=ROWS, seed=0)) is not None
    demand("oracle", known or not isinstance(task, GeneratedTask), "a generated task needs an oracle()")
    if not known:
        return
    perfect = task.primary.perfect
    for place, length in lengths_tried(task).items():
        found = _scored(task, task.oracle, length)
        right = abs(found - perfect) <= EXACT
        demand("oracle", right, f"at length {place} it scores {task.primary.name} {found:.6g}, not {perfect:g}")
    solved = task.solved_at is None or task.is_solved(perfect)
    demand("oracle", solved, f"a perfect score is not solved_at {task.solved_at}")


def chance(task: Task) -> None:
    """``blind`` answers score the stated chance level, within the standard errors of the evaluated sequences."""
    stated = task.chance()
    demand("chance", stated is not None or not isinstance(task, GeneratedTask), "a generated task needs a chance()")
    if stated is None:
        return
    demand("chance", not task.is_solved(stated), f"chance {stated:.6g} counts as solved (solved_at {task.solved_at})")
    known = task.blind(task.train_batch(0, batch_size=ROWS, seed=0)) is not None
    demand("chance", known, "a task that states chance() needs blind(), the answers that score it")
    for place, length in lengths_tried(task).items():
        stated = task.chance() if length is None else task.chance_at(length)
        found, error = _estimated(task, task.blind, length)
        near = stated is not None and abs(found - stated) <= STANDARD_ERRORS * error + EXACT
        demand("chance", near, f"at length {place}, blind() scores {found:.6g} +- {error:.2g}, stated is {stated}")


def baselines(task: Task) -> None:
    """Every baseline has the primary score."""
    for name, metrics in task.baselines().items():
        demand("baselines", task.primary.name in metrics, f"baseline '{name}' has no '{task.primary.name}'")


def _answered(task: Task, answer: Answer, length: int | None) -> Iterator[tuple[Tensor, Batch]]:
    """What is answered to both splits without having seen the targets."""
    for split in EVALUATED:
        for batch in evaluated(task, split, length):
            outputs = answer(batch._replace(targets=torch.zeros_like(batch.targets)))
            assert outputs is not None
            yield outputs, batch


def _scored(task: Task, answer: Answer, length: int | None) -> float:
    """The primary score of answers."""
    return add_scores([task.scores(*said) for said in _answered(task, answer, length)])[task.primary.name]


def _estimated(task: Task, answer: Answer, length: int | None) -> tuple[float, float]:
    """The primary score of answers, and its standard error over sequences.

    The score is a ratio of sums over sequences, r = s / c; its standard error is sqrt(sum (s_i - r c_i)^2) / c.
    """
    name = task.primary.name
    found = [
        task.scores(outputs[row : row + 1], batch.rows(row, row + 1))
        for outputs, batch in _answered(task, answer, length)
        for row in range(len(batch.weights))
    ]
    parts = torch.tensor([(one.sums[name], one.counts[name]) for one in found], dtype=torch.float64)
    sums, counts = parts.unbind(1)
    ratio = sums.sum() / counts.sum()
    return float(ratio), float((sums - ratio * counts).square().sum().sqrt() / counts.sum())
