"""Readouts solved in closed form: everything but the head stays as initialised."""

import torch
from torch import nn

from statewise import tree
from statewise.contract import Model
from statewise.errors import UserError
from statewise.ops.ridge import RidgeStatistics
from statewise.tasks.base import Task
from statewise.train.config import TrainConfig
from statewise.train.evaluation import evaluate
from statewise.train.forward import starting_state, to_device

FACTORS = (1.0, 1e2, 1e4, 1e6)
"""Multiples of the configured penalty that are tried on validation"""


def fit_readout(model: Model, task: Task, config: TrainConfig) -> float:
    """Solve the head by ridge regression over ``config.steps`` training batches, in one pass and constant memory.

    Several penalties are solved from the same statistics; the one that validates best stays in the model.

    Returns:
        The validation score of the chosen one.

    Raises:
        UserError: if the task is no regression or the head no linear map.
    """
    if not task.regression or not isinstance(model.head, nn.Linear):
        raise UserError(f"task {task.name} has no closed-form readout; say readout=gradient")
    statistics = RidgeStatistics(features=model.head.in_features, targets=task.output_size)
    model.eval()
    carry = None
    with torch.no_grad():
        for index in range(config.steps):
            batch = task.train_batch(index, batch_size=config.batch_size, seed=config.seed)
            batch = to_device(batch, config.device)
            features, after = model.body(batch.inputs, starting_state(model, batch, carry))
            carry = tree.detach(after) if batch.starts is not None else None
            if batch.positions is not None:
                features = features.gather(1, batch.positions.unsqueeze(2).expand(-1, -1, features.shape[2]))
            counted = (batch.weights > 0).flatten()
            if batch.starts is not None and bool(batch.starts.all()):
                counted = counted & (torch.arange(features.shape[1]).repeat(features.shape[0]) >= config.washout)
            rows = features.flatten(0, 1)[counted], batch.targets.flatten(0, 1)[counted]
            statistics.add(rows[0].cpu(), rows[1].cpu())
    return _choose(model, task, config, statistics)


def _choose(model: Model, task: Task, config: TrainConfig, statistics: RidgeStatistics) -> float:
    """Put the penalty that validates best into the head."""
    best: tuple[float, dict[str, torch.Tensor]] | None = None
    sign = 1.0 if task.primary.lower_is_better else -1.0
    for factor in FACTORS:
        weight, bias = statistics.solve(config.ridge * factor)
        model.head.load_state_dict({"weight": weight, "bias": bias})
        metrics = evaluate(model, task, "valid", batch_size=config.batch_size, device=config.device)
        score = metrics[task.primary.name]
        if best is None or sign * score < sign * best[0]:
            best = score, {"weight": weight, "bias": bias}
    assert best is not None
    model.head.load_state_dict(best[1])
    return best[0]
