"""Dates that a table writes as plain numbers, as spreadsheets, loggers and statistical offices do."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

A_DATE = re.compile(r"(?:^|.*[\W_])(date|datum|datetime)(?:[\W_].*|$)", re.IGNORECASE)
A_MOMENT = re.compile(r"(?:^|.*[\W_])(date|datum|datetime|time|timestamp|unix|epoch)(?:[\W_].*|$)", re.IGNORECASE)


@dataclass(frozen=True)
class Form:
    """A way of writing dates as numbers."""

    said: str
    name: re.Pattern[str]
    """What the column must be called, for the numbers alone do not tell"""
    least: float
    most: float
    reading: dict[str, Any]
    """Arguments of ``pandas.to_datetime``"""

    def read(self, column: "pd.Series") -> "pd.Series | None":
        """The dates of a column, if it is of this form."""
        import pandas as pd

        if not self.name.fullmatch(str(column.name)) or not column.between(self.least, self.most).all():
            return None
        whole = "format" in self.reading
        if whole and (column % 1 != 0).any():
            return None
        numbers = column.astype("int64").astype(str) if whole else column
        dates = pd.to_datetime(numbers, errors="coerce", **self.reading)
        return None if dates.isna().any() else dates.dt.round("s" if self.least < 1e9 else "ms")


FORMS = (
    Form("YYYYMM", A_DATE, 190001, 210012, {"format": "%Y%m"}),
    Form("YYYYMMDD", A_DATE, 19000101, 21001231, {"format": "%Y%m%d"}),
    Form("days of a spreadsheet", A_DATE, 15_000, 75_000, {"unit": "D", "origin": "1899-12-30"}),
    Form("seconds since 1970", A_MOMENT, 3e8, 4.2e9, {"unit": "s"}),
    Form("milliseconds since 1970", A_MOMENT, 3e11, 4.2e12, {"unit": "ms"}),
)


def numbered_form(column: "pd.Series") -> Form | None:
    """How a column of numbers writes dates; None where it does not.

    >>> import pandas as pd
    >>> numbered_form(pd.Series([20240131, 20240201], name="date")).said
    'YYYYMMDD'
    """
    if column.dtype.kind not in "if":
        return None
    return next((form for form in FORMS if form.read(column) is not None), None)
