"""Generated tasks: oracles are perfect, chance is chance, splits share nothing, batches depend on their number."""

import pytest
import torch

from statewise.tasks.base import Batch, Task, add_scores
from statewise.tasks.computing import Adding, Parity
from statewise.tasks.copying import Copy, CopyMemory
from statewise.tasks.generated import GeneratedTask
from statewise.tasks.recalling import DelayedRecall, Recall

TASKS: tuple[GeneratedTask, ...] = (
    Copy(evaluation_sequences=200),
    CopyMemory(shortest=12, longest=15, evaluation_sequences=200),
    Recall(evaluation_sequences=200),
    DelayedRecall(evaluation_sequences=200),
    Adding(shortest=20, longest=30, evaluation_sequences=4000),
    Parity(evaluation_sequences=400),
)
by_name = pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)


def score(task: Task, answer, split="test") -> float:
    parts = [task.scores(answer(batch), batch) for batch in task.evaluation(split, batch_size=64)]
    return add_scores(parts)[task.primary.name]


@by_name
def test_the_oracle_is_perfect(task: GeneratedTask):
    found = score(task, task.oracle)
    assert found == pytest.approx(0.0 if task.primary.lower_is_better else 1.0, abs=1e-6)


def best_without_memory(task: GeneratedTask, batch: Batch) -> torch.Tensor:
    """The best that can be said without looking at the input."""
    shape = (*batch.targets.shape[:2], task.output_size)
    if isinstance(task, Adding):
        return torch.ones(shape)
    if isinstance(task, CopyMemory):
        outputs = torch.full(shape, -50.0)
        outputs[:, : -task.shown, 0] = 50.0
        outputs[:, -task.shown :, 1 : task.symbols + 1] = 50.0
        return outputs
    if isinstance(task, Recall):
        outputs = torch.randn(shape, generator=torch.Generator().manual_seed(0))
        outputs[..., : task.symbols // 2] = -50.0
        return outputs
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


@by_name
def test_chance_is_what_knowing_nothing_scores(task: GeneratedTask):
    found = score(task, lambda batch: best_without_memory(task, batch))
    assert found == pytest.approx(task.chance(), rel=0.15, abs=0.03)


@by_name
def test_a_batch_is_a_function_of_its_number_and_seed(task: GeneratedTask):
    first, again = (task.train_batch(5, batch_size=7, seed=3) for _ in range(2))
    assert torch.equal(first.inputs, again.inputs)
    assert torch.equal(first.targets, again.targets)
    others = (task.train_batch(6, batch_size=7, seed=3), task.train_batch(5, batch_size=7, seed=4))
    assert all(o.inputs.shape != first.inputs.shape or not torch.equal(o.inputs, first.inputs) for o in others)


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
def test_shapes_fit_together(task: GeneratedTask):
    batch = task.train_batch(0, batch_size=3, seed=0)
    read = batch.inputs.shape[1] if batch.positions is None else batch.positions.shape[1]
    assert batch.targets.shape[:2] == batch.weights.shape == (3, read)
    outputs = torch.zeros(3, read, task.output_size)
    assert task.loss(outputs, batch).shape == ()


@pytest.mark.parametrize(
    "task", [Copy(shortest=5, longest=5), Recall(), DelayedRecall(), Parity(shortest=20, longest=20)]
)
def test_no_sequence_stands_in_two_splits(task: GeneratedTask):
    seen = {
        split: {
            tuple(row.flatten().tolist()) for batch in task.evaluation(split, batch_size=256) for row in batch.inputs
        }
        for split in ("valid", "test")
    }
    trained = {
        tuple(row.flatten().tolist()) for k in range(20) for row in task.train_batch(k, batch_size=256, seed=0).inputs
    }
    assert len(trained) > 4000
    assert not (seen["valid"] & seen["test"])
    assert not (trained & (seen["valid"] | seen["test"]))


@by_name
def test_evaluation_at_a_length_beyond_training(task: GeneratedTask):
    assert task.train_lengths is not None
    long = next(task.evaluation("valid", batch_size=2, length=4 * task.train_lengths[1]))
    longest = next(task.evaluation("valid", batch_size=2, length=task.train_lengths[1]))
    assert long.inputs.shape[1] > longest.inputs.shape[1]
