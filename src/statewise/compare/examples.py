"""One example for a person to read: what a finished model was shown, what was right, what it said."""

import torch
from torch import Tensor

from statewise import tree
from statewise.contract import Model
from statewise.generation.generate import go_on, read_vocabulary
from statewise.generation.sampling import Sampling
from statewise.tasks.batch import Batch
from statewise.tasks.data import TaskData
from statewise.tasks.task import Task
from statewise.train.forward import run_batch, to_device

PROMPT = 100
"""Tokens that a model is shown before it goes on by itself"""
CONTINUED = 200
"""Tokens that it then says"""


def make_example(model: Model, task: Task, *, batch_size: int) -> dict[str, str] | None:
    """Prompt, target and prediction on test sequences; None where the task shows none.

    Where a model can go on by itself, it does; else its answers to the first sequence that counts, of the longest
    trained on, are shown. The same model says the same every time.
    """
    model.eval()
    batch, outputs = _first_counted(model, task, batch_size)
    if task.verb == "generate":
        return _continuation(model, task, batch)
    shown = task.example(outputs.float().cpu(), to_device(batch, "cpu"))
    return shown and dict(zip(("prompt", "target", "prediction"), shown, strict=True))


def _first_counted(model: Model, data: TaskData, batch_size: int) -> tuple[Batch, Tensor]:
    """The first test batch with a position that counts in its first row, and what a warm model says to it."""
    longest = data.train_lengths[1] if data.train_lengths else None
    carry = None
    with torch.no_grad():
        for found in data.evaluation("test", batch_size=batch_size, length=longest):
            batch = to_device(found, model.device)
            outputs, after = run_batch(model, batch, carry)
            carry = tree.detach(after) if batch.starts is not None else None
            if bool(batch.weights[0].any()):
                break
    return batch, outputs


def _continuation(model: Model, task: Task, batch: Batch) -> dict[str, str]:
    """The first row's beginning, how it went on, and how the model goes on."""
    vocabulary = read_vocabulary(task.preprocessing(), task.name)
    row = torch.cat([batch.values[0, :1], batch.targets[0]])
    start = min(PROMPT, len(row) // 2)
    shown, right = (vocabulary.decode(part.tolist()) for part in (row[:start], row[start : start + CONTINUED]))
    said = go_on(model, vocabulary, row[:start], Sampling(length=CONTINUED))
    return {"prompt": shown, "target": right, "prediction": "".join(said)}
