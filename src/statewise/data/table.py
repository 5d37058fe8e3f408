"""Reading a series from a CSV file: which column is time, which are numbers, and what is wrong with it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from statewise.data.text import fingerprint
from statewise.errors import UserError, unknown

if TYPE_CHECKING:
    import pandas as pd

SEASONS = {"hour": 24, "day": 7, "month": 12, "quarter": 4}
"""Rows a season where the rows are this far apart"""


@dataclass(frozen=True)
class Table:
    """Regularly spaced rows of numbers."""

    values: np.ndarray
    """(rows, columns) float64, finite"""
    columns: list[str]
    times: list[str] | None
    """The time column as written; None where there is none"""
    season: int
    """Rows a season, guessed from the time step; 1 = none known"""
    content: str
    """SHA-256 of the file"""
    notes: list[str] = field(default_factory=list)
    """Every guess that was made, for a person to check"""


def read_table(path: str, *, time: str | None = None) -> Table:
    """The series in a CSV file with a header.

    Args:
        path: of the file.
        time: name of the time column; ``None`` guesses it, and there may be none.

    Raises:
        UserError: if the file is missing, empty, has no header, one row, text in a number column, missing, infinite or
            not-a-number values, or unsorted, duplicated or missing times; row and column are named.
    """
    data = _read_bytes(path)
    frame = _parse(path, data)
    notes: list[str] = []
    time = _time_column(frame, time, notes)
    numbers = [str(column) for column in frame.columns if column != time]
    if not numbers:
        raise UserError(f"{path} has no column of numbers beside the time column '{time}'")
    values = np.stack([_numbers(path, frame, column) for column in numbers], axis=1)
    season, times = 1, None
    if time is not None:
        season = _check_times(path, frame, time, notes)
        times = [str(value) for value in frame[time]]
    notes.append(f"columns of numbers: {', '.join(numbers)}")
    return Table(values, numbers, times, season, fingerprint(data), notes)


def _read_bytes(path: str) -> bytes:
    file = Path(path)
    if not file.exists():
        raise UserError(f"there is no file {path}; check the path")
    if file.is_dir():
        raise UserError(f"{path} is a folder; name a CSV file in it")
    data = file.read_bytes()
    if not data.strip():
        raise UserError(f"{path} is empty; give a CSV file with a header and rows of numbers")
    return data


def _parse(path: str, data: bytes) -> "pd.DataFrame":
    try:
        import pandas as pd
    except ImportError as error:
        raise UserError("reading tables needs an extra; install it with: pip install 'statewise[series]'") from error
    import csv
    import io

    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not a UTF-8 text file (byte {error.start}); export it as CSV in UTF-8") from error
    head = text[:20_000]
    try:
        delimiter = csv.Sniffer().sniff(head.splitlines()[0], delimiters=",;\t|").delimiter
    except csv.Error:
        delimiter = ","
    try:
        frame = pd.read_csv(io.StringIO(text), sep=delimiter, skipinitialspace=True)
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise UserError(f"{path} is not a well-formed CSV file: {error}") from error
    if all(_is_number(str(name)) for name in frame.columns):
        raise UserError(f"{path} has no header: its first line is all numbers; add a line with the columns' names")
    if len(frame) < 2:
        raise UserError(f"{path} has {len(frame)} row of data; a series needs at least two, and a forecast many more")
    return frame


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _time_column(frame: "pd.DataFrame", named: str | None, notes: list[str]) -> str | None:
    """The time column: the one that was named, or the first whose every value reads as a date."""
    columns = [str(column) for column in frame.columns]
    if named is not None:
        if named not in columns:
            raise unknown("column", named, columns)
        return named
    for column in columns:
        if frame[column].dtype.kind not in "if" and _dates(frame[column]) is not None:
            notes.append(f"time column: {column} (say --time to choose another)")
            return column
    first = columns[0]
    likely = first.lower() in {"time", "date", "year", "timestamp", "index", "t", "unnamed: 0", "period", "ds"}
    if len(columns) > 1 and likely and bool(frame[first].is_monotonic_increasing):
        notes.append(f"time column: {first} (say --time to choose another)")
        return first
    notes.append("no time column found: rows are taken as evenly spaced")
    return None


def _dates(column: Any) -> Any:
    """The column as dates, or None where it does not read as dates."""
    import warnings

    import pandas as pd

    if str(column.iloc[0]).replace(".", "").lstrip("-").isdigit():
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas warns where it has to guess the format value by value
        dates = pd.to_datetime(column, errors="coerce", utc=True)
    return None if bool(dates.isna().any()) else dates.dt.tz_convert(None)


def _numbers(path: str, frame: "pd.DataFrame", column: str) -> np.ndarray:
    import pandas as pd

    values = pd.to_numeric(frame[column], errors="coerce").to_numpy(dtype=np.float64)
    wrong = np.flatnonzero(~np.isfinite(values))
    if len(wrong) == 0:
        return values
    row = int(wrong[0])
    raw = frame[column].iloc[row]
    place = f"column '{column}' of {path}, line {row + 2}"
    if isinstance(raw, str) and not _is_number(raw):
        raise UserError(f"{place} holds the text '{raw}' where a number belongs; mend it or leave the column out")
    kind = "is infinite" if isinstance(raw, float) and np.isinf(raw) else "is missing or not a number"
    raise UserError(f"{place} {kind} ({len(wrong)} such values); fill or drop these rows first")


def _check_times(path: str, frame: "pd.DataFrame", time: str, notes: list[str]) -> int:
    """Times must rise by one even step; returns the rows a season that this step suggests."""
    dates = _dates(frame[time])
    if dates is None:
        steps = np.diff(_numbers(path, frame, time))
        _check_order(path, time, steps)
        _check_gaps(path, time, steps, np.median(steps))
        return 1
    steps = np.diff(dates.to_numpy().astype("datetime64[s]").astype(np.int64)).astype(np.float64)
    _check_order(path, time, steps)
    hours = np.median(steps) / 3600
    _check_gaps(path, time, steps, np.median(steps))
    name = _step_name(hours)
    season = SEASONS.get(name, 1)
    if name in SEASONS:
        notes.append(f"one row a {name}: season of {season} rows (say --season to choose another)")
    return season


def _step_name(hours: float) -> str:
    if 0.99 < hours < 1.01:
        return "hour"
    if 23 < hours < 25:
        return "day"
    if 27 * 24 < hours < 32 * 24:
        return "month"
    return "quarter" if 89 * 24 < hours < 93 * 24 else "other"


def _check_order(path: str, time: str, steps: np.ndarray) -> None:
    for wrong, what in (
        (steps == 0, "has the time of the line before"),
        (steps < 0, "is earlier than the line before"),
    ):
        if wrong.any():
            line = int(np.flatnonzero(wrong)[0]) + 3
            raise UserError(f"line {line} of {path} {what} (column '{time}'); sort by time and keep one row a time")


def _check_gaps(path: str, time: str, steps: np.ndarray, usual: float) -> None:
    """Months and quarters differ in length a little; a gap is a step of half as long again."""
    wide = np.flatnonzero(steps > 1.5 * usual)
    if len(wide):
        raise UserError(
            f"{path} has a gap after line {int(wide[0]) + 2} (column '{time}', {len(wide)} gaps in all); rows must be "
            "evenly spaced: fill the missing rows first"
        )
