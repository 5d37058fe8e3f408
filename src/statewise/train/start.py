"""Which trainer a config asks for, and which readout is usual."""

from dataclasses import replace
from pathlib import Path

from statewise.contract import Model
from statewise.tasks.data import TaskData
from statewise.tasks.objective import Objective
from statewise.tasks.task import Task
from statewise.train.closed_form import ReadoutFitter
from statewise.train.config import TrainConfig
from statewise.train.loop import Trainer
from statewise.train.training import Training


def make_trainer(
    model: Model, task: Task, config: TrainConfig, folder: Path | None = None, *, trained_on: TaskData | None = None
) -> Training:
    """What trains ``model`` as ``config.readout`` says, from the checkpoint in ``folder`` where there is one.

    ``trained_on`` gives the training batches where ``task`` does not.
    """
    kind: type[Training] = ReadoutFitter if config.readout == "ridge" else Trainer
    return kind(model, task, config, folder, trained_on=trained_on)


def with_usual_readout(config: TrainConfig, objective: Objective, *, closed_form: bool) -> TrainConfig:
    """``config`` with its readout solved where that scores well and the field does so (``closed_form``)."""
    return replace(config, readout="ridge") if closed_form and objective.solvable else config
