"""What every training has in common, however it finds the weights."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

from statewise.contract import Model
from statewise.tasks.data import TaskData
from statewise.tasks.task import Task
from statewise.train.checkpoint import has_checkpoint
from statewise.train.clock import Clock
from statewise.train.config import TrainConfig
from statewise.train.curriculum import check_curriculum
from statewise.train.device import check_device
from statewise.train.history import HistoryEntry, OnEntry, OnStep, Outcome, Progress
from statewise.tree import State
from statewise.used import refuse_idle


class Training(ABC):
    """One training of one model on one task.

    Args:
        model: left with what was found best on validation when ``run`` returns.
        task: gives batches, loss and scores.
        config: everything else.
        folder: where checkpoints and history go, and where a checkpoint is gone on from; ``None`` keeps all in memory.
        trained_on: gives the training batches, of the same form; ``None`` = ``task``.

    Raises:
        UserError: if the device, model or task will not do, a field of the config was set that has no effect, or the
            checkpoint is another training's.
    """

    def __init__(
        self,
        model: Model,
        task: Task,
        config: TrainConfig,
        folder: Path | None = None,
        *,
        trained_on: TaskData | None = None,
    ) -> None:
        refuse_idle(config)
        check_device(config)
        self.model = model.to(config.device)
        self.task = task
        self.trained_on: TaskData = trained_on or task
        self.config = config
        self.folder = folder
        check_curriculum(self.trained_on, config)
        self.progress = Progress()
        self.history: list[HistoryEntry] = []
        self.carry: State | None = None
        self.clock = Clock()
        """Times updates, or where the readout is solved, batches that it is solved from; those of this process"""
        self._prepare()
        if folder is not None and has_checkpoint(folder / "last"):
            self._resume(folder)

    def run(
        self,
        *,
        on_entry: OnEntry = lambda entry: None,
        on_step: OnStep = lambda step, loss: None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> Outcome:
        """Train to the end, or until ``should_stop()`` says so between two batches; a checkpoint is kept either way."""
        return self._run(on_entry, on_step, should_stop)

    @property
    def batches(self) -> int:
        """How many updates it takes at most, or where the readout is solved, how many batches it is solved from."""
        return self.config.steps

    @abstractmethod
    def _prepare(self) -> None:
        """Make what this kind of training needs beside, before a checkpoint is gone on from."""

    @abstractmethod
    def _resume(self, folder: Path) -> None:
        """Go on from the last checkpoint in ``folder``."""

    @abstractmethod
    def _run(self, on_entry: OnEntry, on_step: OnStep, should_stop: Callable[[], bool]) -> Outcome:
        """See ``run``."""
