"""The time column of a table: reading it, checking that rows are evenly spaced, and what a season may be."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from statewise.data.numbered import numbered_form
from statewise.errors import UserError, counted

if TYPE_CHECKING:
    import pandas as pd

DateOrder = Literal["", "day-first", "month-first"]

MINUTE, HOUR, DAY = 60, 3600, 86400
NAMED_STEPS = (
    ("working day", 1.0, 1.0, 5),
    ("day", 1.0, 1.0, 7),
    ("week", 7.0, 7.0, 52),
    ("month", 28.0, 31.0, 12),
    ("quarter", 90.0, 92.0, 4),
    ("year", 365.0, 366.0, 1),
)
"""Name of a step, its shortest and longest number of days, rows a season"""

QUARTER = re.compile(r"(?P<year>\d{4})[ -]?Q(?P<quarter>[1-4])", re.IGNORECASE)
PARTED = re.compile(r"(\d{1,2})[./-](\d{1,2})[./-]\d{2,4}\b.*")
"""A date that begins with two small numbers, either of which may be the day"""
TIMES = ("time", "date", "datetime", "timestamp", "year", "index", "ds", "t")
"""Names of columns that count on and on"""
CYCLES = ("month", "week", "day", "period")
"""Names of columns that may count on and on, or begin anew"""
HOLIDAYS = 4
"""Working days that may be missing in a row where weekends are"""


@dataclass(frozen=True)
class Times:
    """A time column whose rows rise by one even step."""

    column: str
    step: str
    """``day``, ``month`` ... where it is one of the named steps, ``seconds`` or ``units`` (numbers) otherwise"""
    width: float
    """The step in seconds or units"""
    last: float
    """The time of the last row in seconds since 1970 or units"""
    season: int
    """Rows a season that the step suggests; 1 = none known"""

    def following(self, count: int) -> list[str]:
        """The times of the next ``count`` rows, dates in ISO form.

        >>> Times("day", "month", 31 * 86400, 1701388800.0, 12).following(2)
        ['2024-01-01', '2024-02-01']
        """
        if self.step == "units":
            return [f"{self.last + k * self.width:g}" for k in range(1, count + 1)]
        import pandas as pd

        offsets: dict[str, Any] = {
            "working day": pd.offsets.BusinessDay,
            "month": lambda k: pd.DateOffset(months=k),
            "quarter": lambda k: pd.DateOffset(months=3 * k),
            "year": lambda k: pd.DateOffset(years=k),
        }
        offset = offsets.get(self.step, lambda k: pd.Timedelta(seconds=k * self.width))
        last = pd.Timestamp(self.last, unit="s").round("us")
        dates = [(last + offset(k)).round("us") for k in range(1, count + 1)]
        if self.step in ("month", "quarter") and last.is_month_end:
            dates = [date + pd.offsets.MonthEnd(0) for date in dates]
        whole = all(date == date.normalize() for date in (last, *dates))
        return [str(date.date()) if whole else date.isoformat(sep=" ") for date in dates]


def guess_time_column(frame: "pd.DataFrame") -> str | None:
    """The first column that reads as dates, else a first column of numbers with the name of a time.

    It need not rise everywhere: times out of order are refused, not taken for values.
    """
    for column in frame.columns:
        if read_dates(frame[column].head(200)) is not None:
            return str(column)
    first = frame[frame.columns[0]]
    if len(frame.columns) < 2 or first.dtype.kind not in "if":
        return None
    name = frame.columns[0].lower()
    rises = bool(first.is_monotonic_increasing) and (name in CYCLES or name == "column 1")
    mostly = name in TIMES and float((first.diff().iloc[1:] > 0).mean()) > 0.5
    return str(frame.columns[0]) if rises or mostly else None


def read_dates(column: "pd.Series", order: DateOrder = "") -> "pd.Series | None":
    """A column as times without zone (in UTC where they had one), NaT where a cell is no date.

    ``None`` where it is of numbers that are no dates, or fewer than nine cells in ten are dates.
    """
    import warnings

    import pandas as pd

    form = numbered_form(column)
    if form is not None:
        return form.read(column)
    if column.dtype.kind in "ifb" or not re.match(r"\s*(\d|Q[1-4])", str(column.iloc[0]), re.IGNORECASE):
        return None
    text = column.astype(str).str.strip()
    if QUARTER.fullmatch(text.iloc[0]):
        text = text.str.replace(QUARTER, lambda m: f"{m['year']}-{3 * int(m['quarter']) - 2:02d}", regex=True)
    day_first = order == "day-first" if order else _day_comes_first(text)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas warns where it has to guess the format value by value
        dates = pd.to_datetime(text, errors="coerce", utc=True, dayfirst=day_first)
        if bool(dates.isna().any()):
            mixed = pd.to_datetime(text, errors="coerce", utc=True, dayfirst=day_first, format="mixed")
            dates = mixed if mixed.notna().sum() > dates.notna().sum() else dates
    return None if dates.notna().mean() < 0.9 else dates.dt.tz_convert(None)


def is_time(cell: str) -> bool:
    """Whether a single cell reads as a date or a time of day."""
    import pandas as pd

    return read_dates(pd.Series([cell])) is not None


def date_order(column: "pd.Series") -> str | None:
    """How dates like 03/04/2024 are read, for a person to check; None where there is one reading."""
    text = column.astype(str).str.strip()
    if not PARTED.fullmatch(text.iloc[0]):
        return None
    return "day-first" if _day_comes_first(text) else "month-first"


def _day_comes_first(text: "pd.Series") -> bool:
    """Whether dates like 03/04/2024 begin with the day: by a number above 12, else by which part changes first."""
    if not PARTED.fullmatch(text.iloc[0]):
        return False
    parts = text.str.extract(r"^(\d{1,2})[./-](\d{1,2})[./-]").dropna().astype(int)
    if (parts[0] > 12).any() or (parts[1] > 12).any():
        return bool((parts[0] > 12).any())
    if "." in text.iloc[0][:3]:
        return True
    changes = (parts != parts.shift()).sum()
    return bool(changes[0] > changes[1])


def check_times(path: str, column: "pd.Series", lines: np.ndarray, order: DateOrder) -> Times:
    """The times of a table, after a look at their order and spacing.

    Args:
        path: of the file, for messages.
        column: the time column.
        lines: the line of the file that each row stands on.
        order: of day and month; empty = guessed.

    Raises:
        UserError: if a time cannot be read, is missing, stands twice, goes back, or rows are missing.
    """
    name = str(column.name)
    dates = read_dates(column, order)
    if dates is None:
        return _check_numbers(path, column, lines)
    _refuse(path, name, lines, dates.isna().to_numpy(), "holds '{cell}', which is no time", column)
    microseconds = dates.to_numpy().astype("datetime64[us]").astype(np.int64)
    steps = _rising_steps(path, column, microseconds, lines) / 1e6
    width = float(np.median(steps))
    days = dates.to_numpy().astype("datetime64[D]")
    step, season = _name_step(width, days)
    if step == "working day":
        working = np.busday_count(days[:-1], days[1:])
        _check_spacing(path, column, np.where(working <= HOLIDAYS, 1, working), 1.0, lines)
    else:
        _check_spacing(path, column, steps, width, lines)
    return Times(name, step, width, float(microseconds[-1] / 1e6), season)


def _check_numbers(path: str, column: "pd.Series", lines: np.ndarray) -> Times:
    import pandas as pd

    values = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64)
    _refuse(path, str(column.name), lines, ~np.isfinite(values), "holds '{cell}', which is no time", column)
    steps = _rising_steps(path, column, values, lines)
    width = float(np.median(steps))
    _check_spacing(path, column, steps, width, lines)
    return Times(str(column.name), "units", width, float(values[-1]), 1)


def _name_step(width: float, days: np.ndarray) -> tuple[str, int]:
    for name, shortest, longest, season in NAMED_STEPS:
        if shortest * DAY <= width <= longest * DAY and (name != "working day" or _skips_weekends(days)):
            return name, season
    a_day = width >= MINUTE and width < DAY and DAY % width == 0
    return "seconds", round(DAY / width) if a_day else 1


def _skips_weekends(days: np.ndarray) -> bool:
    return len(days) > 5 and bool(np.is_busday(days).all())


def _rising_steps(path: str, column: "pd.Series", times: np.ndarray, lines: np.ndarray) -> np.ndarray:
    steps = np.diff(times)
    mend = "sort by time and keep one row a time, or say --task-options time=none"
    for wrong, what in (
        (
            steps == 0,
            f"has the time of the line before, '{{cell}}'; {mend} "
            "(where clocks changed, write times in UTC; where the hour stands in another column, put both into one)",
        ),
        (steps < 0, f"is earlier than the line before ('{{cell}}'); {mend}"),
    ):
        _refuse(path, str(column.name), lines, np.concatenate([[False], wrong]), what, column)
    return steps


def _check_spacing(path: str, column: "pd.Series", steps: np.ndarray, usual: float, lines: np.ndarray) -> None:
    """Months and quarters differ in length a little; what differs by half is a gap or a row too many."""
    mend = "or say --task-options time=none to take the rows as evenly spaced"
    wide = np.flatnonzero(steps > 1.5 * usual)
    if len(wide):
        gaps = counted(len(wide), "gap")
        raise UserError(
            f"{path} has a gap after line {lines[wide[0]]} (column '{column.name}', {gaps} in all); "
            f"rows must be evenly spaced: fill the missing rows first, {mend}, or from Python hand "
            "statewise.contract.Timed(values, elapsed) to a layer that reads time, such as cfc"
        )
    narrow = np.flatnonzero(steps < 0.5 * usual)
    if len(narrow):
        raise UserError(
            f"line {lines[narrow[0] + 1]} of {path} comes too soon after the line before (column '{column.name}', "
            f"{counted(len(narrow), 'such line')}); rows must be evenly spaced: bring them to one step first, {mend}"
        )


def _refuse(path: str, name: str, lines: np.ndarray, wrong: np.ndarray, what: str, column: "pd.Series") -> None:
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        said = what.format(cell=column.iloc[row])
        mend = "" if ";" in said else "; mend or drop the line"
        raise UserError(f"line {lines[row]} of {path} {said} (column '{name}'){mend}")
