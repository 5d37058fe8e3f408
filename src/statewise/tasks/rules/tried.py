"""What of a task the rules look at: some batches of every split, at some lengths."""

from collections.abc import Iterator
from itertools import islice

import torch
from torch import Tensor

from statewise.tasks.batch import Batch, Split
from statewise.tasks.data import TaskData
from statewise.tasks.task import Task

ROWS = 16
"""Rows of the batches that are looked at"""
TRAINED, SCORED = 24, 256
"""Most batches of training and of a split that are looked at"""
EVALUATED: tuple[Split, Split] = ("valid", "test")
"""The splits that are evaluated"""


def evaluated(data: TaskData, split: Split, length: int | None = None) -> Iterator[Batch]:
    """The first batches of a split."""
    return islice(data.evaluation(split, batch_size=ROWS, length=length), SCORED)


def trained(data: TaskData) -> Iterator[Batch]:
    """The first batches of training."""
    return (data.train_batch(index, batch_size=ROWS, seed=0) for index in range(TRAINED))


def lengths_tried(data: TaskData) -> dict[str, int | None]:
    """Lengths at which a task is tried: as in training, and where it has lengths the longest and twice that."""
    longest = (data.train_lengths[1], 2 * data.train_lengths[1]) if data.train_lengths else ()
    return {"as in training": None, **{str(length): length for length in longest}}


def answered_at_random(task: Task, batch: Batch) -> Tensor:
    """Random outputs ``(B, Q, output_size)`` to a batch, the same every time."""
    return torch.randn(*batch.weights.shape, task.output_size, generator=torch.Generator().manual_seed(0))
