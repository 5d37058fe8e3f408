"""When the rows come that follow the last one of a table: by its usual step, by another, or when a person says."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from statewise.data.times import Times
from statewise.errors import UserError, counted


class RowsAhead(NamedTuple):
    """Rows that are yet to come."""

    names: list[str]
    """When they come; dates in ISO form"""
    at: np.ndarray
    """(rows,) float64: seconds or units since the first row of the table"""


def usual_rows(times: Times, count: int) -> RowsAhead:
    """The next ``count`` rows, each a usual step after the one before; months and working days by the calendar.

    >>> at = np.array([0.0, 31 * 86400])
    >>> usual_rows(Times("day", "month", 31 * 86400, 1701388800.0, 12, at, True, 2), 2).names
    ['2024-01-01', '2024-02-01']
    """
    if not times.in_seconds:
        return _numbered(times, times.last + times.width * np.arange(1, count + 1))
    import pandas as pd

    offsets: dict[str, Any] = {
        "working day": pd.offsets.BusinessDay,
        "month": lambda k: pd.DateOffset(months=k),
        "quarter": lambda k: pd.DateOffset(months=3 * k),
        "year": lambda k: pd.DateOffset(years=k),
    }
    offset = offsets.get(times.step, lambda k: pd.Timedelta(seconds=k * times.width))
    last = _last_date(times)
    dates = [last + offset(k) for k in range(1, count + 1)]
    if times.step in ("month", "quarter") and last.is_month_end:
        dates = [date + pd.offsets.MonthEnd(0) for date in dates]
    return _dated(times, dates)


def rows_every(times: Times, count: int, every: str) -> RowsAhead:
    """The next ``count`` rows at a distance of one's own.

    Args:
        times: those that are known.
        count: of the rows.
        every: ``10s``, ``5min``, ``1h``, ``1D``; a number where times are numbers.

    Raises:
        UserError: if that is no stretch of time.
    """
    if not times.in_seconds:
        return _numbered(times, times.last + _positive_number(every) * np.arange(1, count + 1))
    import pandas as pd

    try:
        if every.strip().replace(".", "").isdigit():
            raise ValueError("no unit")
        step = pd.Timedelta(every)
    except ValueError as error:
        raise UserError(f"'{every}' is no stretch of time; write --every like 10s, 5min, 1h or 1D") from error
    if pd.isna(step) or step <= pd.Timedelta(0):
        raise UserError(f"rows cannot come every '{every}'; write --every like 10s, 5min, 1h or 1D")
    return _dated(times, [_last_date(times) + k * step for k in range(1, count + 1)])


def rows_at(times: Times, count: int, names: Sequence[str], *, series: str = "") -> RowsAhead:
    """Rows at times of one's own, which rise from the last that is known.

    Args:
        times: those that are known.
        count: how many rows there must be.
        names: dates in ISO form, numbers where times are numbers.
        series: whose rows they are, for messages, where there are several.

    Raises:
        UserError: if one is no time, does not come after the one before, or there are more or fewer.
    """
    found = _dated(times, [_date(name) for name in names]) if times.in_seconds else _numbers(times, names)
    if len(names) != count:
        wanted = f"the run forecasts {counted(count, 'row')}, but --at says {counted(len(names), 'time')}"
        raise UserError(f"{wanted}; say as many, with commas between them, or train with horizon={len(names)}")
    wrong = np.flatnonzero(np.diff(found.at, prepend=times.at[-1]) <= 0)
    if len(wrong):
        last = f"{times.last:.12g}" if not times.in_seconds else _dated(times, [_last_date(times)]).names[0]
        whose = f" of series '{series}'" if series else ""
        before = names[wrong[0] - 1] if wrong[0] else f"the last row that is known{whose}, {last}"
        raise UserError(f"'{names[wrong[0]]}' does not come after {before}; say --at with times that rise")
    return found


def _last_date(times: Times) -> Any:
    import pandas as pd

    return pd.Timestamp(times.last, unit="s").round("us")


def _date(name: str) -> Any:
    import pandas as pd

    try:
        return pd.to_datetime(name, utc=True, format="ISO8601").tz_convert(None)
    except ValueError as error:
        raise UserError(f"'{name}' is no time; write --at like 2024-05-01 or 2024-05-01T10:30:00") from error


def _dated(times: Times, dates: Sequence[Any]) -> RowsAhead:
    last = _last_date(times)
    dates = [date.round("us") for date in dates]
    whole = all(date == date.normalize() for date in (last, *dates))
    names = [str(date.date()) if whole else date.isoformat(sep=" ") for date in dates]
    return RowsAhead(names, times.at[-1] + np.array([(date - last).total_seconds() for date in dates]))


def _positive_number(said: str) -> float:
    try:
        number = float(said)
    except ValueError:
        number = float("nan")
    if not (0 < number < float("inf")):
        raise UserError(f"rows cannot come every '{said}'; their times are numbers: write --every like 10 or 0.5")
    return number


def _numbers(times: Times, names: Sequence[str]) -> RowsAhead:
    try:
        return _numbered(times, np.array([float(name) for name in names]))
    except ValueError as error:
        raise UserError(f"{error}, and times of the table are numbers; write --at like 120,130.5") from error


def _numbered(times: Times, values: np.ndarray) -> RowsAhead:
    if not np.isfinite(values).all():
        raise UserError("times must be finite numbers")
    return RowsAhead([f"{value:.12g}" for value in values], times.at[-1] + (values - times.last))
