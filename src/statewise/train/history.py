"""What happened during a training, as plain data."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from statewise.storage import write_text

Status = Literal["finished", "stopped early", "diverged", "interrupted"]


@dataclass
class HistoryEntry:
    """One line of the history, written at every evaluation."""

    step: int
    tokens: int
    """Time steps trained on so far, all rows together"""
    train_loss: float | None
    """Mean training loss of the updates since the entry before; None where there were none, or all were skipped"""
    valid: float
    """Primary score on the validation split"""
    metrics: dict[str, float]
    """All scores on the validation split"""
    learning_rate: float
    gradient_norm: float
    """Largest global norm before clipping since the entry before"""
    skipped: int
    """Updates skipped so far because loss or gradient was not finite"""
    seconds: float
    """Time spent in training and evaluation since the entry before; not reproducible"""
    unsolved: float = 0.0
    """Share of the steps of a validation batch at which a solver inside the model did not converge"""
    largest_residual: float = 0.0
    """How far from its solution it was left there at most"""


@dataclass
class Progress:
    """Where a training stands."""

    step: int = 0
    tokens: int = 0
    skipped: int = 0
    skipped_in_a_row: int = 0
    best_valid: float | None = None
    best_step: int = 0
    evaluations_since_best: int = 0
    plateau_drops: int = 0
    plateau_waits: int = 0
    solved_step: int | None = None
    """First evaluation at which the task counted as solved"""
    loss_sum: float = 0.0
    """Training losses since the last history entry"""
    loss_count: int = 0
    largest_norm: float = 0.0
    first_loss: float | None = None
    """Of the very first update that was not skipped"""
    recent_loss: float = 0.0
    """Mean training loss between the last two evaluations between which one counted"""


@dataclass
class Outcome:
    """How a training ended. The model holds the best weights, not the last ones."""

    status: Status
    progress: Progress
    history: list[HistoryEntry] = field(default_factory=list)
    advice: str | None = None
    """What to try, where training diverged"""


OnEntry = Callable[[HistoryEntry], None]
OnStep = Callable[[int, float], None]
"""(updates done, training loss of the last one; NaN where the readout is solved and not descended to)"""


def write_history(path: Path, history: list[HistoryEntry]) -> None:
    """Replace the file by ``history``, one JSON object a line, atomically.

    Raises:
        UserError: if it cannot be written; the old file stays as it was.
    """
    write_text(path, "".join(json.dumps(asdict(entry)) + "\n" for entry in history))


def read_history(path: Path) -> list[HistoryEntry]:
    """The entries of a history file; a line cut short by a crash is left out."""
    entries = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            entries.append(HistoryEntry(**json.loads(line)))
        except (json.JSONDecodeError, TypeError):
            break
    return entries
