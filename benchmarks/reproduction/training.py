"""What the experiments share: build, train, score."""

import sys
from dataclasses import replace
from typing import Any

import torch

from statewise.contract import Model
from statewise.models.config import ModelConfig
from statewise.models.resolve import build
from statewise.tasks.task import Task
from statewise.train.config import TrainConfig
from statewise.train.history import Outcome
from statewise.train.loop import Trainer


def trained(task: Task, model: ModelConfig, train: TrainConfig, *, seed: int) -> tuple[Model, Outcome]:
    """A model trained with a seed of its own; a line an evaluation."""
    torch.manual_seed(seed)
    built = build(model, task.input_form, task.output_size)

    def tell(entry: Any) -> None:
        print(f"  {model.layer} seed {seed} step {entry.step}: {entry.metrics}", file=sys.stderr, flush=True)

    outcome = Trainer(built, task, replace(train, seed=seed)).run(on_entry=tell)
    return built, outcome
