"""Scores of a model on a split, with the state carried from batch to batch."""

from collections.abc import Iterator

import torch
from torch import Tensor

from statewise import tree
from statewise.contract import Model
from statewise.tasks.base import Batch, Split, Task, add_scores
from statewise.train.forward import full_precision, run_batch, to_device


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


def answers(
    model: Model, task: Task, split: Split, *, batch_size: int, length: int | None = None
) -> Iterator[tuple[Tensor, Batch]]:
    """Outputs on the CPU and the batch they answer, for every batch of a split. See ``evaluate``."""
    was_training = model.training
    model.eval()
    carry = None
    try:
        for batch in task.evaluation(split, batch_size=batch_size, length=length):
            here = to_device(batch, model.device)
            if carry is not None and tree.leaves(carry) and tree.leaves(carry)[0].shape[0] != batch.shape[0]:
                carry = None
            with torch.no_grad():
                outputs, carry = run_batch(model, here, carry)
            yield full_precision(outputs).cpu(), batch
    finally:
        model.train(was_training)
