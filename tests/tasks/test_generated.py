"""Generated tasks beyond the rules that every task keeps: their lengths, and how many sequences there are."""

import pytest
import torch

from statewise.errors import UserError
from statewise.tasks import check
from statewise.tasks.computing import Adding, Parity
from statewise.tasks.copying import Copy, CopyMemory
from statewise.tasks.generated import GeneratedTask
from statewise.tasks.recalling import DelayedRecall, Recall
from statewise.tasks.waving import Waves

TASKS: tuple[GeneratedTask, ...] = (
    Copy(evaluation_sequences=200),
    CopyMemory(shortest=12, longest=15, evaluation_sequences=200),
    Recall(evaluation_sequences=200),
    DelayedRecall(evaluation_sequences=200),
    Adding(shortest=20, longest=30, evaluation_sequences=4000),
    Parity(evaluation_sequences=400),
    Waves(shortest=70, longest=90, evaluation_sequences=200),
)
by_name = pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)


@by_name
def test_an_evaluation_does_not_depend_on_the_batch_size(task: GeneratedTask):
    def rows(batch_size: int) -> list[torch.Tensor]:
        return [row for batch in task.evaluation("valid", batch_size=batch_size) for row in batch.inputs]

    few, many = rows(7), rows(512)
    assert len(few) == len(many) == task.evaluation_sequences
    assert all(torch.equal(one, other) for one, other in zip(few, many, strict=True))


def test_an_evaluation_covers_the_training_lengths_evenly():
    task = Parity(shortest=1, longest=20, evaluation_sequences=100)
    lengths = [batch.inputs.shape[1] for batch in task.evaluation("test", batch_size=5)]
    assert lengths == list(range(1, 21))
    assert {b.inputs.shape[1] for b in Parity(shortest=1, longest=99).evaluation("test", batch_size=8)} >= {1, 99}


@by_name
def test_evaluation_at_a_length_beyond_training(task: GeneratedTask):
    assert task.train_lengths is not None
    long = next(task.evaluation("valid", batch_size=2, length=4 * task.train_lengths[1]))
    longest = next(task.evaluation("valid", batch_size=2, length=task.train_lengths[1]))
    assert long.inputs.shape[1] > longest.inputs.shape[1]


def test_a_small_space_is_said_and_not_held_against_the_task():
    task = Parity(shortest=3, longest=14)
    assert task.notes == (
        "at lengths 3 to 11 there are so few different sequences that training, validation and test share them",
    )
    assert Parity(shortest=12, longest=20).notes == ()
    assert "at length 1 " in Copy(bits=8, shortest=1, longest=20).notes[0]
    check(task)


@pytest.mark.parametrize(
    "task",
    [
        Copy(longest=300),
        CopyMemory(shown=400),
        Recall(symbols=2000, pairs=300, shortest=900, longest=900),
        DelayedRecall(longest=2000),
        Parity(longest=2000),
    ],
    ids=lambda task: task.name,
)
def test_there_may_be_more_different_sequences_than_a_float_counts(task: GeneratedTask):
    longest = task.train_lengths[1]
    assert task.different(longest) > 2**1024
    assert not task.splits_share(longest)
    assert len(task.notes) <= 1


@pytest.mark.parametrize(("task", "steps"), [(Copy(longest=7), 16), (CopyMemory(longest=100), 120), (Parity(), 40)])
def test_a_window_spans_all_steps_of_the_longest_sequence_whatever_its_length_counts(task: GeneratedTask, steps: int):
    assert task.longest_context() == steps


@pytest.mark.parametrize(
    ("task", "least"),
    [(Copy(), 1), (CopyMemory(), 1), (Recall(pairs=3), 9), (DelayedRecall(delay=4), 5), (Adding(), 2), (Parity(), 1)],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_length_below_the_least_is_refused_with_a_sentence(task: GeneratedTask, least: int):
    next(task.evaluation("valid", batch_size=2, length=least))
    with pytest.raises(UserError, match=f"length of at least {least}, got {least - 1}"):
        next(task.evaluation("valid", batch_size=2, length=least - 1))
    with pytest.raises(UserError, match=rf"needs {least} <= shortest"):
        type(task)(**{**options_of(task), "shortest": least - 1, "longest": least})


def options_of(task: GeneratedTask) -> dict[str, int]:
    return {name: getattr(task, name) for name in ("pairs", "delay") if hasattr(task, name)}
