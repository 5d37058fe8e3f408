"""Reading a series from a CSV file: which column is time, which are numbers, and what is wrong with it."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from statewise.data.cells import Cells, read_cells
from statewise.data.dialect import Decimal, Dialect
from statewise.data.files import fingerprint, read_bytes
from statewise.data.numbered import numbered_form
from statewise.data.times import DateOrder, Times, check_times, date_order, guess_time_column
from statewise.errors import UserError, counted, unknown

if TYPE_CHECKING:
    import pandas as pd

NO_TIME = "none"
"""What ``Reading.time`` says where rows are to be taken as evenly spaced"""
JITTER = 0.1
"""A share of the usual step: where steps differ by more, a person is told"""
LARGEST = 1e100
"""Beyond it sums of squares are not finite"""


@dataclass(frozen=True)
class Reading:
    """What a person says about a table; what is left empty is guessed, and the guess is noted."""

    time: str = ""
    """Name of the time column; ``none`` takes the rows as evenly spaced"""
    decimal: Decimal = ""
    """Mark of decimals"""
    dates: DateOrder = ""
    """Which comes first in dates like 03/04/2024"""


@dataclass(frozen=True)
class Table:
    """Rows of numbers in the order of time."""

    values: np.ndarray
    """(rows, columns) float64, finite"""
    columns: list[str]
    times: Times | None
    """What the time column says; None where there is none"""
    content: str
    """SHA-256 of the file"""
    left_out: list[str] = field(default_factory=list)
    """Columns without a number"""
    notes: list[str] = field(default_factory=list)
    """Every guess that was made, for a person to check"""

    @property
    def season(self) -> int:
        """Rows a season, guessed from the time step; 1 = none known."""
        return self.times.season if self.times else 1

    @property
    def at(self) -> np.ndarray:
        """(rows,) float64: when rows came, in seconds or units since the first; their numbers where none tells."""
        return self.times.at if self.times else np.arange(float(len(self.values)))


def read_table(path: str, reading: Reading | None = None) -> Table:
    """The series in a CSV file with a header.

    Commas, semicolons, tabs and bars part cells; decimals have a point or a comma; thousands may be grouped. Columns
    without a number are left out.

    Args:
        path: of the file.
        reading: what is known about it; the rest is guessed.

    Raises:
        UserError: if the file is missing, empty, has no header or a name twice in it, one row, text in a number column,
            missing, infinite or not-a-number values, or unsorted, duplicated or missing times; line and column are
            named.
    """
    reading = reading or Reading()
    data = read_bytes(path, "a CSV file with a header and rows of numbers")
    cells = read_cells(path, data, reading.decimal)
    frame, lines = cells.frame, cells.lines
    notes = [] if cells.dialect.is_plain else [_about_dialect(cells.dialect)]
    time = _time_column(frame, reading, notes)
    columns, left_out = _columns_of_numbers(frame, time)
    if left_out:
        notes.append(f"left out, for they hold no numbers to learn from: {', '.join(left_out)}")
    if not columns:
        raise _no_numbers(path, cells, left_out)
    values = np.stack([_numbers(path, frame[column], lines) for column in columns], axis=1)
    times = None if time is None else check_times(path, frame[time], lines, reading.dates)
    if times is not None:
        notes.extend(_about_times(times, frame, reading))
    notes.append(f"columns of numbers: {', '.join(columns)}")
    return Table(values, columns, times, fingerprint(data), left_out, notes)


def _about_dialect(dialect: Dialect) -> str:
    delimiter = {"\t": "tabs", ";": "semicolons", "|": "bars", ",": "commas"}.get(dialect.delimiter, dialect.delimiter)
    number = f"1{dialect.thousands}234{dialect.decimal}5"
    return f"{delimiter} part the cells and numbers look like {number} (--task-options decimal=... to say otherwise)"


def _time_column(frame: "pd.DataFrame", reading: Reading, notes: list[str]) -> str | None:
    columns = [str(column) for column in frame.columns]
    if reading.time and reading.time != NO_TIME:
        if reading.time not in columns:
            raise unknown("column", reading.time, columns)
        return reading.time
    time = None if reading.time == NO_TIME else guess_time_column(frame)
    if time is not None:
        notes.append(f"time column: {time} (--task-options time=NAME to choose another, time=none for none)")
    elif reading.time != NO_TIME:
        notes.append("no time column found: rows are taken as evenly spaced (--task-options time=NAME to name one)")
    return time


def _about_times(times: Times, frame: "pd.DataFrame", reading: Reading) -> list[str]:
    notes = []
    order = None if reading.dates or times.step == "units" else date_order(frame[times.column])
    if order:
        notes.append(f"dates are read {order} (--task-options dates=day-first or month-first to say otherwise)")
    form = numbered_form(frame[times.column])
    if form:
        notes.append(f"the numbers of '{times.column}' are read as {form.said}")
    if not times.even:
        return [
            *notes,
            f"times are irregular: {times.spacing()}; no season is assumed (--task-options season=N for one)",
        ]
    season = f"season of {times.season} rows" if times.season > 1 else "no season known"
    notes.append(f"one {_row_a_step(times)}: {season} (--task-options season=N to choose another)")
    if times.step in ("seconds", "units") and np.ptp(np.diff(times.at)) > JITTER * times.width:
        notes.append(f"more or less: {times.spacing()} (--task-options time_as=elapsed to tell models)")
    return notes


def _row_a_step(times: Times) -> str:
    step = {"seconds": _row_every(times.width), "units": f"row every {times.width:g}"}
    return step.get(times.step, f"row a {times.step}")


def _row_every(seconds: float) -> str:
    if seconds in (1, 60):
        return "row a second" if seconds == 1 else "row a minute"
    return f"row every {seconds:g} seconds" if seconds < 60 else f"row every {seconds / 60:g} minutes"


def _columns_of_numbers(frame: "pd.DataFrame", time: str | None) -> tuple[list[str], list[str]]:
    """Columns with numbers; and those without, or that merely count the rows beside a time column."""
    import pandas as pd

    columns: list[str] = []
    left_out: list[str] = []
    for name in map(str, frame.columns):
        if name == time:
            continue
        column = frame[name]
        holds_numbers = column.dtype.kind in "ifb" or bool(pd.to_numeric(column, errors="coerce").notna().any())
        is_counter = name == "column 1" and time is not None and bool((column.diff().iloc[1:] == 1).all())
        (columns if holds_numbers and not is_counter and column.notna().any() else left_out).append(name)
    return columns, left_out


def _no_numbers(path: str, cells: Cells, left_out: list[str]) -> UserError:
    """An error that shows a cell, by which a person sees what is wrong with all of them."""
    name = [*cells.frame.columns, *left_out][-1]
    rows = np.flatnonzero(cells.frame[name].notna())
    holds = (
        f" ('{name}' holds '{_short(cells.frame[name].iloc[rows[0]])}' in line {cells.lines[rows[0]]})"
        if len(rows)
        else ""
    )
    return UserError(
        f"{path} has no column of numbers beside the time{holds}; write numbers like 1234.5, without units, and part "
        "cells with commas, semicolons, tabs or bars"
    )


def _short(cell: object) -> str:
    """A cell on one line, its beginning where it is long."""
    text = str(cell).replace("\n", " ")
    return text if len(text) <= 40 else f"{text[:40]}..."


def _numbers(path: str, column: "pd.Series", lines: np.ndarray) -> np.ndarray:
    import pandas as pd

    values = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64)
    wrong = np.flatnonzero(~(np.abs(values) <= LARGEST))
    if len(wrong) == 0:
        return values
    row = int(wrong[0])
    raw = column.iloc[row]
    place = f"column '{column.name}' of {path}, line {lines[row]}"
    if isinstance(raw, str):
        raise UserError(
            f"{place} holds the text '{_short(raw)}' where a number belongs; mend it or take the column out"
        )
    if np.isfinite(values[row]):
        raise UserError(f"{place} holds {values[row]:g}, too large to compute with; give the column in larger units")
    kind = "is infinite" if np.isinf(values[row]) else "is missing or not a number"
    raise UserError(f"{place} {kind} ({counted(len(wrong), 'such value')}); fill or drop these rows first")
