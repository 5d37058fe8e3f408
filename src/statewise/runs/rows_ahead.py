"""For when a run forecasts, and what of its times a table must have for that."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from statewise.data.ahead import RowsAhead, rows_at, rows_every, usual_rows
from statewise.data.pace import Pace
from statewise.data.table import Series
from statewise.errors import UserError


@dataclass(frozen=True)
class When:
    """When the rows come that are forecast; where nothing is said, each a usual step after the one before."""

    every: str = ""
    """How long after each other: ``10s``, ``5min``, ``1h``, ``1D``, or a number where times are numbers"""
    at: Sequence[str] = ()
    """All their times: in ISO form, or numbers where times are numbers"""

    def __post_init__(self) -> None:
        if self.every and self.at:
            raise UserError("'every' and 'at' both say when the rows come; leave one of them out")


USUALLY = When()


def check_times(series: Series, pace: Pace, trained_on: Mapping[str, Any] | None) -> None:
    """Raise a ``UserError`` unless a series has the times that a run is told.

    Args:
        series: to go on from.
        pace: of the run.
        trained_on: whether times of the training were in seconds and even; ``None`` = there were none.
    """
    if trained_on is None:
        return
    times = series.times
    whose = f"series '{series.name}'" if series.name else "the table"
    if times is None or times.in_seconds != trained_on["in_seconds"]:
        kind = "dates" if trained_on["in_seconds"] else "numbers"
        found = "has no time column" if times is None else f"has other times in '{times.column}'"
        if pace.time_as != "steps":
            raise UserError(f"{whose} {found}, and the run is told the times of rows, which were {kind}; add them")
    elif trained_on["even"] and pace.time_as == "steps" and not times.even:
        raise UserError(
            f"{whose} has irregular times: {times.spacing()}; the run was trained on evenly spaced rows and is told "
            "no times: fill the missing rows first, or train one on irregular rows"
        )


def find_rows(series: Series, pace: Pace, when: When) -> RowsAhead:
    """The rows that are forecast.

    Raises:
        UserError: if times are said to a run that is told none, or they are none.
    """
    count, times = pace.horizon, series.times
    if (when.every or when.at) and pace.width == 0:
        raise UserError(
            "this run knows rows at the usual step alone, so it cannot forecast for other times; train one on a table "
            "with irregular times and task option time_as=elapsed, or leave --every and --at out"
        )
    if times is None:
        return RowsAhead([f"{k}" for k in range(1, count + 1)], series.at[-1] + np.arange(1.0, count + 1))
    if when.at:
        return rows_at(times, count, when.at, series=series.name)
    return rows_every(times, count, when.every) if when.every else usual_rows(times, count)


def about_rows(series: Series, pace: Pace, rows: RowsAhead, when: When) -> list[str]:
    """What a person should know of the times of rows that are forecast."""
    times = series.times
    if times is None or (times.even and pace.width == 0):
        return []
    notes = []
    if when == USUALLY:
        told = " (--every and --at say otherwise)" if pace.width else ", of which the run is told nothing"
        notes.append(f"the rows ahead are taken to come at the usual step of {times.written(times.width)}{told}")
    steps = np.diff(rows.at, prepend=series.at[-1])
    strange = (steps > pace.longest * 1.001) | (steps < pace.shortest * 0.999)
    if pace.width and strange.any():
        notes.append(
            f"rows {times.written(steps[strange][0])} apart were not in the training part, which has steps from "
            f"{times.written(pace.shortest)} to {times.written(pace.longest)}: do not trust what is said of them"
        )
    return notes
