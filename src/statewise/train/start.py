"""Which trainer a config asks for."""

from pathlib import Path

from statewise.contract import Model
from statewise.tasks.base import Task
from statewise.train.closed_form import ReadoutFitter
from statewise.train.config import TrainConfig
from statewise.train.loop import Trainer


def make_trainer(model: Model, task: Task, config: TrainConfig, folder: Path | None = None) -> Trainer | ReadoutFitter:
    """What trains ``model`` as ``config.readout`` says, from the checkpoint in ``folder`` where there is one."""
    kind = ReadoutFitter if config.readout == "ridge" else Trainer
    return kind(model, task, config, folder)
