"""Generated tasks beyond the rules that every task keeps: which lengths are evaluated, how contents are dealt out."""

import math

import pytest
import torch

from statewise.tasks.computing import Adding, Parity
from statewise.tasks.copying import Copy, CopyMemory
from statewise.tasks.generated import GeneratedTask
from statewise.tasks.recalling import DelayedRecall, Recall
from statewise.tasks.splitting import SPLITS, draw_of_split

TASKS: tuple[GeneratedTask, ...] = (
    Copy(evaluation_sequences=200),
    CopyMemory(shortest=12, longest=15, evaluation_sequences=200),
    Recall(evaluation_sequences=200),
    DelayedRecall(evaluation_sequences=200),
    Adding(shortest=20, longest=30, evaluation_sequences=4000),
    Parity(evaluation_sequences=400),
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


def test_contents_are_dealt_out_evenly_and_each_to_one_split():
    def draw(number: int) -> torch.Tensor:
        return torch.randint(2, (number, 14), generator=generator)

    generator = torch.Generator().manual_seed(0)
    dealt = {
        split: {tuple(row) for row in draw_of_split(draw, split, 200_000, different=2.0**14).tolist()}
        for split in SPLITS
    }
    assert sum(map(len, dealt.values())) == len(set.union(*dealt.values()))
    for split, buckets in SPLITS.items():
        assert len(dealt[split]) == pytest.approx(2**14 * len(buckets) / 8, rel=0.05)


def test_as_many_sequences_as_asked_for():
    def draw(number: int) -> torch.Tensor:
        return torch.randint(9, (number, 6), generator=generator)

    generator = torch.Generator().manual_seed(0)
    assert all(len(draw_of_split(draw, "valid", rows, different=9.0**6)) == rows for rows in (0, 1, 7, 500))


def test_too_few_contents_are_an_error_and_no_endless_search():
    with pytest.raises(RuntimeError, match="say with different"):
        draw_of_split(lambda number: torch.zeros(number, 3).long(), "valid", 4, different=math.inf)
