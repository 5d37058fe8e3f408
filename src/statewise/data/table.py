"""Reading series from a CSV file: which column is time, which are numbers, and what is wrong with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from statewise.data.cells import Cells, read_cells
from statewise.data.dialect import Decimal, Dialect
from statewise.data.files import fingerprint, read_bytes
from statewise.data.numbered import numbered_form
from statewise.data.several import about_names, column_by_times, named_columns, rows_of_series
from statewise.data.times import DateOrder, Moments, Times, check_times, date_order, guess_time_column, read_times
from statewise.errors import UserError, counted, listed, unknown

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
    series: str = ""
    """Names of the columns that say of which series a row is, separated by commas; ``none`` = all rows are of one"""


@dataclass(frozen=True)
class Series:
    """Rows of numbers in the order of time."""

    name: str
    """What the table calls it; empty where all of its rows are one series"""
    values: np.ndarray
    """(rows, columns) float64, finite"""
    times: Times | None
    """What the time column says; None where there is none"""

    @property
    def at(self) -> np.ndarray:
        """(rows,) float64: when rows came, in seconds or units since the first; their numbers where none tells."""
        return self.times.at if self.times else np.arange(float(len(self.values)))


@dataclass(frozen=True)
class Table:
    """One or several series with the same columns."""

    series: list[Series]
    """Each of two rows at least"""
    columns: list[str]
    by: list[str]
    """The columns that say of which series a row is; none where it is one"""
    content: str
    """SHA-256 of the file"""
    single: list[str] = field(default_factory=list)
    """Series that are left out, for they have a single row"""
    left_out: list[str] = field(default_factory=list)
    """Columns without a number"""
    notes: list[str] = field(default_factory=list)
    """Every guess that was made, for a person to check"""

    @property
    def times(self) -> Times | None:
        """Those of the first series whose rows are not evenly spaced, or else of the first."""
        return next((one.times for one in self.series if one.times and not one.times.even), self.series[0].times)

    @property
    def season(self) -> int:
        """Rows a season, guessed from the time step of most series; 1 = none known."""
        seasons = [one.times.season if one.times else 1 for one in self.series]
        return max(dict.fromkeys(seasons), key=seasons.count)

    @property
    def even(self) -> bool:
        """Whether the rows of all series are evenly spaced, at one step."""
        known = [one.times for one in self.series if one.times]
        widths = [times.width for times in known]
        return all(times.even for times in known) and (not widths or max(widths) <= 1.5 * min(widths))


def read_table(path: str, reading: Reading | None = None) -> Table:
    """The series in a CSV file with a header, one or several.

    Commas, semicolons, tabs and bars part cells; decimals have a point or a comma; thousands may be grouped. Columns
    without a number are left out, and so are series of a single row.

    Args:
        path: of the file.
        reading: what is known about it; the rest is guessed.

    Raises:
        UserError: if the file is missing, empty, has no header or a name twice in it, one row, text in a number column,
            missing, infinite or not-a-number values, rows of no series, or unsorted, duplicated or missing times;
            line and column are named.
    """
    reading = reading or Reading()
    data = read_bytes(path, "a CSV file with a header and rows of numbers")
    cells = read_cells(path, data, reading.decimal)
    frame, lines = cells.frame, cells.lines
    notes = [] if cells.dialect.is_plain else [_about_dialect(cells.dialect)]
    by = named_columns(path, frame, reading.series)
    rows = rows_of_series(cells, by)
    time = _time_column(frame.drop(columns=by).iloc[np.concatenate(list(rows.values()))], reading, notes)
    moments = None if time is None else read_times(path, frame[time], lines, reading.dates)
    if not by and not reading.series and moments is not None:
        by = column_by_times(cells, moments)
        rows = rows_of_series(cells, by)
    columns, left_out = _columns_of_numbers(frame.drop(columns=by), time)
    if left_out:
        notes.append(f"left out, for they hold no numbers to learn from: {', '.join(left_out)}")
    if moments is None and not by and not reading.series:
        notes.extend(about_names([frame[name] for name in left_out]))
    if not columns:
        raise _no_numbers(path, cells, left_out)
    values = np.stack([_numbers(path, frame[column], lines) for column in columns], axis=1)
    series = [_one_series(path, name, values, moments, lines, rows[name]) for name in rows if len(rows[name]) > 1]
    single = [name for name, found in rows.items() if len(found) < 2]
    table = Table(series, columns, by, fingerprint(data), single, left_out, notes)
    notes.extend([*_about_series(rows, by, reading), *about_single(table)])
    if moments is not None:
        notes.extend(_about_times(table, moments, reading))
    notes.append(f"columns of numbers: {', '.join(columns)}")
    return table


def _one_series(
    path: str, name: str, values: np.ndarray, moments: Moments | None, lines: np.ndarray, rows: np.ndarray
) -> Series:
    if moments is None:
        return Series(name, values[rows], None)
    own = moments._replace(cells=moments.cells.iloc[rows], numbers=moments.numbers[rows])
    return Series(name, values[rows], check_times(path, own, lines[rows], series=name))


def _about_series(rows: Mapping[str, np.ndarray], by: list[str], reading: Reading) -> list[str]:
    if not by:
        return []
    lengths = [len(found) for found in rows.values()]
    shortest = f"{min(lengths):,} to " if min(lengths) < max(lengths) else ""
    guessed = " (--task-options series=NAME,NAME to choose other columns, series=none for one series)"
    return [
        f"{len(rows):,} series by {', '.join(by)}, of {shortest}{counted(max(lengths), 'row')}"
        f"{'' if reading.series else guessed}"
    ]


def about_single(table: Table) -> list[str]:
    """A note that names the series that are left out, for they have a single row."""
    return [f"left out, for they have a single row: {listed(table.single)}"] if table.single else []


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


def _about_times(table: Table, moments: Moments, reading: Reading) -> list[str]:
    notes = []
    times = table.times
    assert times is not None
    order = None if reading.dates or not moments.are_dates else date_order(moments.cells)
    if order:
        notes.append(f"dates are read {order} (--task-options dates=day-first or month-first to say otherwise)")
    form = numbered_form(moments.cells)
    if form:
        notes.append(f"the numbers of '{moments.column}' are read as {form.said}")
    whose = f" (series '{next(one.name for one in table.series if one.times is times)}')" if table.by else ""
    if not table.even:
        said = _steps_of_series(table) if times.even else f"{times.spacing()}{whose}"
        season = f"a season of {table.season} rows, as of most series," if table.season > 1 else "no season"
        return [*notes, f"times are irregular: {said}; {season} is assumed (--task-options season=N for one)"]
    season = f"season of {table.season} rows" if table.season > 1 else "no season known"
    notes.append(f"one {_row_a_step(times)}: {season} (--task-options season=N to choose another)")
    if times.step in ("seconds", "units") and np.ptp(np.diff(times.at)) > JITTER * times.width:
        notes.append(f"more or less: {times.spacing()}{whose} (--task-options time_as=elapsed to tell models)")
    return notes


def _steps_of_series(table: Table) -> str:
    known = sorted(
        ((one.times.width, one.name, one.times) for one in table.series if one.times), key=lambda one: one[0]
    )
    (_, one, short), (_, other, long) = known[0], known[-1]
    return f"series '{one}' has a row every {short.written(short.width)}, '{other}' every {long.written(long.width)}"


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
