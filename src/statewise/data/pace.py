"""How far rows lie apart in time, as models are told it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import torch

from statewise.contract import Input, Timed
from statewise.data.table import Table
from statewise.errors import UserError

TimeAs = Literal["steps", "column", "elapsed"]
"""Each tells more than the one before: nothing; columns of numbers; the clock of layers that read time as well"""

EVEN = 1e-3
"""Steps that differ by no more than this share of the usual one are alike, as times are rounded where they are written
down"""


@dataclass(frozen=True)
class Pace:
    """Times between rows in units of the usual step u, the median of all training parts. With Delta_t = t_t - t_{t-1}:

        elapsed      Delta_t / u, as layers that read time are handed it; 1 at the first row of a series
        columns      log2(1 + Delta_t / u) - 1,  log2(1 + (t_{t+h} - t_t) / (h u)) - 1  for h = 1 ... horizon

    So a model of the columns knows how long ago the row before was and for when it is asked. They are 0 at the usual
    step, and grow slowly where a gap is thousands of steps long. Where the training part is evenly spaced there are
    none, as nothing could be learnt of them.

    >>> pace = Pace.fit([np.array([0.0, 10.0, 20.0, 50.0])], horizon=1, time_as="elapsed")
    >>> pace.elapsed(np.array([0.0, 10.0, 15.0]))
    array([1. , 1. , 0.5])
    >>> pace.columns(np.array([0.0, 10.0, 40.0]), rows=2)
    array([[0., 0.],
           [0., 1.]])
    """

    time_as: TimeAs
    horizon: int
    unit: float
    """u, in seconds or units of the time column"""
    shortest: float
    """Step between two rows of the training part, in seconds or units"""
    longest: float

    @classmethod
    def fit(cls, times: Sequence[np.ndarray], horizon: int, time_as: TimeAs) -> "Pace":
        """The pace of the training parts of one or several series, each ``(rows,)`` in seconds or units."""
        steps = np.concatenate([np.diff(one) for one in times])
        return cls(time_as, horizon, float(np.median(steps)), float(steps.min()), float(steps.max()))

    @property
    def width(self) -> int:
        """How many columns there are."""
        varies = self.longest - self.shortest > EVEN * self.unit
        return 1 + self.horizon if varies and self.time_as != "steps" else 0

    def elapsed(self, times: np.ndarray) -> np.ndarray:
        """``(rows,)``: how long ago the row before was, in usual steps."""
        return np.diff(times, prepend=times[0] - self.unit) / self.unit

    def columns(self, times: np.ndarray, rows: int) -> np.ndarray:
        """The columns of the first ``rows`` rows, ``(rows, width)``.

        Args:
            times: of those rows and what follows them; after the last, rows are taken to come at the usual step.
            rows: how many of them are told.
        """
        if self.width == 0:
            return np.zeros((rows, 0))
        ahead = np.arange(1, self.horizon + 1)
        times = np.concatenate([times, times[-1] + self.unit * ahead])
        spans = times[np.arange(rows)[:, None] + ahead] - times[:rows, None]
        paces = np.column_stack([self.elapsed(times[:rows]), spans / (ahead * self.unit)])
        return np.log2(1 + paces) - 1

    def tell(self, values: np.ndarray, times: np.ndarray) -> Input:
        """What a model reads of ``values (rows, D)``, without an axis of batches: ``(rows, D + width)``, timed or not.

        Args:
            values: scaled.
            times: of the rows, and of what follows them where that is known.
        """
        rows = len(values)
        dtype = torch.get_default_dtype()
        inputs = torch.from_numpy(np.concatenate([values, self.columns(times, rows)], axis=1)).to(dtype)
        return (
            Timed(inputs, torch.from_numpy(self.elapsed(times[:rows])).to(dtype))
            if self.time_as == "elapsed"
            else inputs
        )

    def to_json(self) -> dict[str, Any]:
        """Everything ``from_json`` needs."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Pace":
        """The pace that ``to_json`` described."""
        return cls(**data)


def choose_time_as(table: Table, said: Literal["", TimeAs], notes: list[str]) -> TimeAs:
    """How models are told the times of a table: as a person says, else by whether its rows are evenly spaced."""
    if table.times is None and said in ("column", "elapsed"):
        raise UserError(
            f"there are no times to tell as time_as={said}; name their column with --task-options time=NAME"
        )
    if said or table.times is None or table.even:
        return said or "steps"
    notes.append(
        "models are told the time since the row before and until each row that is forecast, layers that read time by "
        "their clock too (--task-options time_as=column to leave their clock even, time_as=steps to tell nothing)"
    )
    return "elapsed"
