"""Short sequences first: the longest training length grows with the number of the update.

A curriculum (Elman 1993, "Learning and development in neural networks: the importance of starting small"; Bengio et al.
2009). With u the share of the growing that is done, from length a to the task's own longest, b:

    linear   a + floor(u (b - a))
    pow2     a 2^floor(u n),  n = ceil(log2(b / a)): doubled n times, at even intervals

Lengths go on being drawn from the shortest up, so that what was learnt first is not unlearnt (Zaremba & Sutskever 2014,
section 3.3). On streams it is the truncation that grows: how far back gradients reach inside a batch, whose time
steps, order and carried state stay as they are. Scores are always those of the full lengths.
"""

import math
from collections.abc import Iterator

import torch

from statewise.contract import slice_time
from statewise.errors import UserError
from statewise.tasks.batch import Batch
from statewise.tasks.data import TaskData
from statewise.train.config import TrainConfig


def length_at(step: int, longest: int, config: TrainConfig, *, least: int = 1) -> int:
    """The longest training length of update ``step`` (counted from 0): a function of nothing that a run remembers.

    >>> config = TrainConfig(steps=8, curriculum="pow2", curriculum_from=5, curriculum_share=0.5)
    >>> [length_at(step, 40, config) for step in range(6)]
    [5, 5, 10, 20, 40, 40]
    """
    growing = config.curriculum_share * config.steps
    first = max(config.curriculum_from, least)
    if config.curriculum == "none" or step >= growing or first >= longest:
        return longest
    done = step / growing
    if config.curriculum == "linear":
        return first + math.floor(done * (longest - first))
    return first * 2 ** math.floor(done * math.ceil(math.log2(longest / first)))


def training_batches(data: TaskData, index: int, step: int, config: TrainConfig) -> Iterator[Batch]:
    """Batch ``index`` as update ``step`` is to see it: short enough, or a stream's in pieces that follow each other."""
    if config.curriculum == "none":
        yield data.train_batch(index, batch_size=config.batch_size, seed=config.seed)
        return
    if data.train_lengths is not None:
        data = data.up_to(length_at(step, data.train_lengths[1], config, least=data.least_length))
    batch = data.train_batch(index, batch_size=config.batch_size, seed=config.seed)
    steps = batch.shape[1]
    yield from [batch] if batch.starts is None else _cut(batch, length_at(step, steps, config))


def check_curriculum(data: TaskData, config: TrainConfig) -> None:
    """Raise a ``UserError`` where a curriculum would have nothing to grow."""
    if config.curriculum == "none":
        return
    first = config.curriculum_from
    if data.train_lengths is not None:
        data.up_to(data.train_lengths[1])
        first, longest = max(first, data.least_length), data.train_lengths[1]
    else:
        batch = data.train_batch(0, batch_size=config.batch_size, seed=config.seed)
        if batch.starts is None:
            raise UserError(
                f"{type(data).__name__} says no train_lengths and is no stream, so there is nothing for a curriculum "
                "to grow; say curriculum=none, or let the task say its lengths (see statewise.tasks.data)"
            )
        longest = batch.shape[1]
    if first >= longest:
        raise UserError(
            f"a curriculum that begins with length {first} has nothing to grow, as the longest is {longest}; say a "
            "smaller curriculum_from, longer sequences, or curriculum=none"
        )


def _cut(batch: Batch, length: int) -> Iterator[Batch]:
    """A stream's batch in pieces of at most ``length`` time steps, each going on where the one before ended."""
    if batch.positions is not None or batch.starts is None:
        raise UserError(
            "batches that read out some of their steps only cannot be cut by a curriculum; say curriculum=none"
        )
    for start in range(0, batch.shape[1], length):
        here = slice(start, start + length)
        starts = batch.starts if start == 0 else torch.zeros_like(batch.starts)
        inputs = slice_time(batch.inputs, start, start + length)
        resets, series = (None if part is None else part[:, here] for part in (batch.resets, batch.series))
        yield Batch(inputs, batch.targets[:, here], batch.weights[:, here], starts, resets=resets, series=series)
