"""Rules of the objective of a task: losses and scores are sums, deaf to what does not count."""

import math

import torch

from statewise.tasks.rules.broken import demand
from statewise.tasks.rules.tried import ROWS, answered_at_random
from statewise.tasks.scores import add_scores
from statewise.tasks.task import Task

ROUNDING = 1e-4
"""How far apart two sums of the same numbers may be"""


def losses(task: Task) -> None:
    """The loss is one finite number, a sum over rows, and deaf to positions without weight; scores are so too."""
    batch = task.train_batch(0, batch_size=ROWS, seed=0)
    outputs = answered_at_random(task, batch)
    learnt = task.loss(outputs.clone().requires_grad_(), batch)
    demand("losses", learnt.shape == (), f"the loss has the shape {tuple(learnt.shape)}, not ()")
    demand("losses", learnt.requires_grad, "the loss has no gradient in the outputs")
    whole = float(learnt.detach())
    demand("losses", math.isfinite(whole), f"the loss of random outputs is {whole}")
    rows = range(len(batch.weights))
    parts = sum(float(task.loss(outputs[r : r + 1], batch.rows(r, r + 1))) for r in rows)
    same = math.isclose(parts, whole, rel_tol=1e-3, abs_tol=ROUNDING)
    demand("losses", same, f"the losses of single rows sum to {parts:.6g}, that of the batch is {whole:.6g}")
    changed = torch.where(batch.weights.unsqueeze(2) > 0, outputs, 3 - 2 * outputs)
    for place, say in {"loss": lambda o: float(task.loss(o, batch)), "scores": lambda o: task.scores(o, batch)}.items():
        demand("losses", say(outputs) == say(changed), f"the {place} depend on outputs at positions of weight 0")


def scores(task: Task) -> None:
    """The primary score is among the scores, and the scores of parts add up to those of the whole."""
    batch = next(task.evaluation("valid", batch_size=ROWS))
    outputs = answered_at_random(task, batch)
    whole = task.scores(outputs, batch)
    name = task.primary.name
    demand("scores", name in whole.sums, f"the primary score '{name}' is not among {', '.join(whole.sums)}")
    demand("scores", whole.sums.keys() == whole.counts.keys(), "sums and counts hold different names")
    rows = range(len(batch.weights))
    parts = [task.scores(outputs[r : r + 1], batch.rows(r, r + 1)) for r in rows]
    for score, added in add_scores(parts).items():
        alone = add_scores([whole])[score]
        same = math.isclose(added, alone, rel_tol=1e-3, abs_tol=ROUNDING)
        demand("scores", same, f"'{score}' of a batch is {alone:.6g}, added up row by row {added:.6g}")
