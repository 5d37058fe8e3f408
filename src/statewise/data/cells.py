"""Cutting a CSV file into columns of named cells."""

import io
import itertools
import re
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from statewise.data.dialect import Decimal, Dialect, cut, find_dialect
from statewise.data.files import decode_utf8
from statewise.data.times import is_time, read_dates
from statewise.errors import UserError, counted

if TYPE_CHECKING:
    import pandas as pd

LOOKED_AT = 1000
"""Lines from which the dialect is guessed"""
LINE_END = re.compile(r"\r*\n|\r")
"""As Unix, Windows and old Macs write it, and as it looks after it was converted twice"""
LONE_RETURN = re.compile(r"\r(?![\r\n]|\Z)")
QUOTED = re.compile(r'"[^"]*"')


@dataclass(frozen=True)
class Cells:
    """What stands in a table, before anything is made of it."""

    frame: "pd.DataFrame"
    """A row for every line with something in it, numbers where a column holds nothing else"""
    lines: np.ndarray
    """The line of the file that each row begins on"""
    dialect: Dialect
    """How the table is written down"""
    path: str
    text: str = field(repr=False)

    def as_written(self, names: Sequence[str]) -> "pd.DataFrame":
        """The rows of these columns as text, letter by letter, whatever they look like: 007 is no 7."""
        places = sorted(self.frame.columns.get_loc(name) for name in names)
        found = _parse(self.path, self.text, self.dialect, places, only=places)
        found.columns = self.frame.columns[places]
        return found.loc[self.frame.index, list(names)]


def read_cells(path: str, data: bytes, decimal: Decimal) -> Cells:
    """The cells of a CSV file with a header.

    Args:
        path: of the file, for messages.
        data: what the file holds.
        decimal: mark of decimals; empty = guessed.

    Raises:
        UserError: if it is no text, a line has a carriage return inside, lines have more cells than the header, there
            is no header, it has a name twice, or there is hardly a row.
    """
    text = _with_one_line_end(path, decode_utf8(path, data))
    lines = list(itertools.islice(io.StringIO(text[: LOOKED_AT * 500]), LOOKED_AT))
    dialect = find_dialect(lines, decimal=decimal)
    header = next(cut(lines[dialect.skipped :], dialect.delimiter), [])
    _check_names(path, header)
    frame = _parse(path, text, dialect, _columns_as_written(lines, dialect))
    frame.columns = _titles(frame.columns)
    _check_header(path, frame, dialect)
    begins = _lines_of_rows(frame, dialect.skipped + 2 + sum(name.count("\n") for name in header))
    frame = _without_blank_rows(frame)
    _check_rows(path, len(frame))
    return Cells(frame, begins[frame.index], dialect, path, text)


def _with_one_line_end(path: str, text: str) -> str:
    """The text with ``\\n`` at the end of every line, whatever stood there."""
    if not LONE_RETURN.search(text):
        return LINE_END.sub("\n", text) if "\r" in text else text
    bare = QUOTED.sub(lambda quoted: "\n" * quoted[0].count("\n"), text)
    inside = LONE_RETURN.search(bare)
    if inside and "\n" in QUOTED.sub("", text):
        line = bare.count("\n", 0, inside.start()) + 1
        raise UserError(
            f"line {line} of {path} has a carriage return inside it where other lines end with a line feed; end every "
            "line alike (for example: tr '\\r' '\\n', or tr -d '\\r' where it is there by mistake)"
        )
    return LINE_END.sub("\n", text)


def _parse(
    path: str, text: str, dialect: Dialect, as_written: list[int], *, only: list[int] | None = None
) -> "pd.DataFrame":
    """The columns at some places, all where none are said, those of ``as_written`` as text."""
    try:
        import pandas as pd
    except ImportError as error:
        raise UserError("reading tables needs an extra; install it with: pip install 'statewise[series]'") from error

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            return pd.read_csv(
                io.StringIO(text),
                sep=dialect.delimiter,
                decimal=dialect.decimal,
                skiprows=dialect.skipped,
                usecols=only,
                dtype=dict.fromkeys(as_written, str),
                thousands=dialect.thousands or None,
                skipinitialspace=True,
                skip_blank_lines=False,
                index_col=False,
                low_memory=False,
            )
    except (pd.errors.ParserError, pd.errors.ParserWarning, pd.errors.EmptyDataError) as error:
        raise _not_well_formed(path, str(error)) from error


def _not_well_formed(path: str, reason: str) -> UserError:
    """What pandas says of lines that it cannot cut, in our words."""
    if "EOF inside string" in reason:
        return UserError(f"{path} has a quotation mark that is never closed; close it or take it out")
    mend = "give every line the same cells, and take out what stands above the header or below the rows"
    cells = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", reason)
    if cells is None:
        return UserError(f"the rows of {path} have more cells than its header; {mend}")
    header, line, seen = map(int, cells.groups())
    return UserError(f"line {line} of {path} has {counted(seen, 'cell')} where the header has {header}; {mend}")


def _columns_as_written(lines: list[str], dialect: Dialect) -> list[int]:
    """Columns that hold something else than numbers: pandas would take marks of thousands out of a date."""
    rows = list(cut(lines[dialect.skipped + 1 : dialect.skipped + 21], dialect.delimiter))
    width = max(map(len, rows), default=0)
    return [
        place
        for place in range(width)
        if any(len(row) > place and row[place].strip() and not dialect.is_number(row[place]) for row in rows)
        and any(len(row) > place and sum(c.isdigit() for c in row[place]) >= 4 for row in rows)
        and not any(len(row) > place and dialect.is_number(row[place]) for row in rows)
    ]


def _titles(names: Iterable[str]) -> list[str]:
    """What columns are called: the names on one line each, and places where there are none."""
    clean = [" ".join(str(name).lstrip("# \t").split()) for name in names]
    return [
        name if name and not name.startswith("Unnamed: ") else f"column {place}"
        for place, name in enumerate(clean, start=1)
    ]


def _check_names(path: str, names: list[str]) -> None:
    titles = _titles(names)
    twice = [title for title in titles if titles.count(title) > 1]
    if twice:
        raise UserError(
            f"{path} has {titles.count(twice[0])} columns named '{twice[0]}'; give every column a name of its own"
        )


def _check_header(path: str, frame: "pd.DataFrame", dialect: Dialect) -> None:
    """Names that are numbers or times alone, or a time over a column of times, are a first row of data."""
    names = [name for name in frame.columns if not frame[name].isna().all()]
    numbers = [name for name in names if dialect.is_number(name)]
    times = [name for name in names if name not in numbers and is_time(name)]
    over_times = [name for name in times if read_dates(frame[name].head(LOOKED_AT)) is not None]
    if (numbers and len(numbers) + len(times) == len(names)) or over_times:
        kind = "all numbers" if len(numbers) == len(names) else f"data ('{(over_times or times)[0]}' is a time)"
        raise UserError(f"{path} has no header: its first line is {kind}; add a line with the columns' names")


def _lines_of_rows(frame: "pd.DataFrame", first: int) -> np.ndarray:
    """The line on which each row begins, the first on line ``first``; cells in quotes may hold line ends."""
    inside = np.zeros(len(frame), dtype=np.int64)
    for name in frame.columns:
        if frame[name].dtype.kind not in "ifb":
            inside += frame[name].astype(str).str.count("\n").fillna(0).to_numpy(dtype=np.int64)
    return first + np.arange(len(frame)) + np.cumsum(inside) - inside


def _without_blank_rows(frame: "pd.DataFrame") -> "pd.DataFrame":
    """In a single column a blank line is a missing value, except at the end."""
    empty = frame.isna().all(axis=1)
    return frame[~empty] if len(frame.columns) > 1 else frame[: len(frame) - int(empty[::-1].cumprod().sum())]


def _check_rows(path: str, rows: int) -> None:
    if rows < 2:
        raise UserError(
            f"{path} has {counted(rows, 'row')} of data; a series needs at least two, and a forecast many more"
        )
