"""The history as TensorBoard event files, for who wants to look at it there."""

from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from statewise.errors import UserError
from statewise.train.history import HistoryEntry


class EventFiles:
    """Writes every entry of a history to event files: one scalar a number, ``valid/`` before the validation scores.

    A resumed training writes its history anew in place of the old files, so that no step stands there twice and none is
    missing. Use it as a context manager.

    Args:
        folder: of the event files; what ``tensorboard --logdir`` is given.
        history: the entries so far.

    Raises:
        UserError: if TensorBoard is not installed or the folder cannot be written.
    """

    def __init__(self, folder: Path, history: Iterable[HistoryEntry]) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise UserError("TensorBoard is not installed; pip install 'statewise[tensorboard]'") from error
        try:
            for old in folder.glob("events.out.tfevents.*"):
                old.unlink()
            self.writer = SummaryWriter(str(folder), purge_step=0)
        except OSError as error:
            raise UserError(f"cannot write event files into {folder}: {error.strerror or error}") from error
        for entry in history:
            self.add(entry)

    def add(self, entry: HistoryEntry) -> None:
        """Write one entry."""
        scalars = {
            "train_loss": entry.train_loss,
            "learning_rate": entry.learning_rate,
            "gradient_norm": entry.gradient_norm,
            "skipped": entry.skipped,
            "tokens": entry.tokens,
            **{f"valid/{name}": score for name, score in entry.metrics.items()},
        }
        for name, value in scalars.items():
            if value is not None:
                self.writer.add_scalar(name, value, entry.step)
        self.writer.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.writer.close()
