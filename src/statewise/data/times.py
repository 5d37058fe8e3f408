"""The time column of a table: reading it, checking that it rises, how its rows are spaced, what a season may be."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from statewise.data.numbered import numbered_form
from statewise.errors import UserError

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
SPANS = (("days", DAY), ("h", HOUR), ("min", MINUTE), ("s", 1))
"""How stretches of time are written, and their seconds"""


@dataclass(frozen=True)
class Times:
    """A time column that rises from row to row."""

    column: str
    step: str
    """The usual step: ``day``, ``month`` ... where it is a named one, ``seconds`` or ``units`` (numbers) otherwise"""
    width: float
    """The usual step, the median of all, in seconds or units"""
    last: float
    """The time of the last row in seconds since 1970 or units"""
    season: int
    """Rows a season that the step suggests; 1 = none known"""
    at: np.ndarray
    """(rows,) float64: seconds or units since the first row"""
    even: bool
    """Whether rows are evenly spaced; months and quarters differ in length a little"""
    longest_after: int
    """The line of the file before the longest step"""

    @property
    def in_seconds(self) -> bool:
        """Whether times are dates, rather than numbers in units of their own."""
        return self.step != "units"

    def written(self, span: float) -> str:
        """A stretch of time for a person to read.

        >>> Times("t", "seconds", 10.0, 0.0, 1, np.array([0.0, 10.0]), True, 2).written(90.0)
        '1.5 min'
        """
        if not self.in_seconds:
            return f"{span:.4g}"
        unit, size = next((unit for unit in SPANS if span >= unit[1]), SPANS[-1])
        return f"{span / size:.4g} {unit}" if span != DAY else "1 day"

    def spacing(self) -> str:
        """From which step to which, the usual one and where the longest stands, in words."""
        steps = np.diff(self.at)
        return (
            f"from {self.written(steps.min())} to {self.written(steps.max())} (after line {self.longest_after}), "
            f"usually {self.written(self.width)}"
        )


def guess_time_column(frame: "pd.DataFrame") -> str | None:
    """The first column that reads as dates, else a first column of numbers with the name of a time.

    It need not rise everywhere: times out of order are refused, not taken for values. Behind columns that may name
    series it rises as long as these stay as they are.
    """
    for column in frame.columns:
        if read_dates(frame[column].head(200)) is not None:
            return str(column)
    first = frame[frame.columns[0]]
    name = frame.columns[0].lower()
    if len(frame.columns) < 2:
        return None
    if first.dtype.kind not in "if" or name not in (*TIMES, *CYCLES, "column 1"):
        return _time_in_blocks(frame)
    rises = bool(first.is_monotonic_increasing) and (name in CYCLES or name == "column 1")
    return str(frame.columns[0]) if rises or (name in TIMES and _mostly_rises(first)) else None


def _mostly_rises(column: "pd.Series") -> bool:
    return float((column.diff().iloc[1:] > 0).mean()) > 0.5


def _time_in_blocks(frame: "pd.DataFrame") -> str | None:
    """A column of numbers with the name of a time that falls only where another block of the columns before begins."""
    place = next((place for place, name in enumerate(frame.columns) if name.lower() in TIMES), 0)
    before, times = frame.iloc[:, :place], frame.iloc[:, place]
    if times.dtype.kind not in "if" or any(2 * column.nunique() > len(frame) for _, column in before.items()):
        return None
    another = (before != before.shift()).any(axis=1)
    in_blocks = bool(((times.diff() > 0) | another).all())
    return str(frame.columns[place]) if place and in_blocks and _mostly_rises(times) else None


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


class Moments(NamedTuple):
    """A time column as numbers, before anything is said of its order."""

    column: str
    cells: "pd.Series"
    numbers: np.ndarray
    """(rows,): int64 microseconds since 1970, or float64"""
    are_dates: bool


def read_times(path: str, column: "pd.Series", lines: np.ndarray, order: DateOrder) -> Moments:
    """The cells of a time column as numbers.

    Args:
        path: of the file, for messages.
        column: the time column.
        lines: the line of the file that each row stands on.
        order: of day and month; empty = guessed.

    Raises:
        UserError: if a time cannot be read or is missing.
    """
    import pandas as pd

    name = str(column.name)
    dates = read_dates(column, order)
    if dates is not None:
        _refuse(path, name, lines, dates.isna().to_numpy(), "holds '{cell}', which is no time", column)
        return Moments(name, column, dates.to_numpy().astype("datetime64[us]").astype(np.int64), True)
    values = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64)
    _refuse(path, name, lines, ~np.isfinite(values), "holds '{cell}', which is no time", column)
    return Moments(name, column, values, False)


def check_times(path: str, moments: Moments, lines: np.ndarray, *, series: str = "") -> Times:
    """The times of a series, after a look at their order.

    Args:
        path: of the file, for messages.
        moments: of two rows at least, all of this series.
        lines: the line of the file that each row stands on.
        series: its name, for messages, where the file holds several.

    Raises:
        UserError: if a time stands twice or goes back.
    """
    numbers = moments.numbers
    steps = _rising_steps(path, moments, lines, series) / (1e6 if moments.are_dates else 1)
    width, longest = float(np.median(steps)), int(lines[steps.argmax()])
    if not moments.are_dates:
        even = _is_even(steps, width)
        return Times(moments.column, "units", width, float(numbers[-1]), 1, numbers - numbers[0], even, longest)
    days = numbers.astype("datetime64[us]").astype("datetime64[D]")
    step, season = _name_step(width, days)
    even = _skip_weekends_alone(days) if step == "working day" else _is_even(steps, width)
    at, last = (numbers - numbers[0]) / 1e6, float(numbers[-1] / 1e6)
    return Times(moments.column, step, width, last, season if even else 1, at, even, longest)


def _name_step(width: float, days: np.ndarray) -> tuple[str, int]:
    for name, shortest, longest, season in NAMED_STEPS:
        if shortest * DAY <= width <= longest * DAY and (name != "working day" or _skips_weekends(days)):
            return name, season
    a_day = width >= MINUTE and width < DAY and DAY % width == 0
    return "seconds", round(DAY / width) if a_day else 1


def _skips_weekends(days: np.ndarray) -> bool:
    return len(days) > 5 and bool(np.is_busday(days).all())


def _rising_steps(path: str, moments: Moments, lines: np.ndarray, series: str) -> np.ndarray:
    steps = np.diff(moments.numbers)
    before, mend = (
        (
            f"the line before in series '{series}'",
            "sort by time and keep one row a time in every series; where several columns together name a series, say "
            "them with --task-options series=NAME,NAME",
        )
        if series
        else (
            "the line before",
            "sort by time and keep one row a time; where the table holds several series, name the column that says of "
            "which a row is with --task-options series=NAME; or say --task-options time=none",
        )
    )
    for wrong, what in (
        (
            steps == 0,
            f"has the time of {before}, '{{cell}}'; {mend} "
            "(where clocks changed, write times in UTC; where the hour stands in another column, put both into one)",
        ),
        (steps < 0, f"is earlier than {before} ('{{cell}}'); {mend}"),
    ):
        _refuse(path, moments.column, lines, np.concatenate([[False], wrong]), what, moments.cells)
    return steps


def _is_even(steps: np.ndarray, usual: float) -> bool:
    """Months and quarters differ in length a little; what differs by half is a gap or a row too many."""
    return bool(((steps >= 0.5 * usual) & (steps <= 1.5 * usual)).all())


def _skip_weekends_alone(days: np.ndarray) -> bool:
    """Whether nothing is missing between working days but weekends and holidays."""
    return bool((np.busday_count(days[:-1], days[1:]) <= HOLIDAYS).all())


def _refuse(path: str, name: str, lines: np.ndarray, wrong: np.ndarray, what: str, column: "pd.Series") -> None:
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        said = what.format(cell=column.iloc[row])
        mend = "" if ";" in said else "; mend or drop the line"
        raise UserError(f"line {lines[row]} of {path} {said} (column '{name}'){mend}")
