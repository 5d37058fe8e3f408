"""Several series in one table: which column says of which of them a row is, and what rows each has."""

import re
from collections.abc import Sequence
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np

from statewise.data.cells import LOOKED_AT, Cells
from statewise.data.times import Moments, read_dates
from statewise.errors import UserError, unknown

if TYPE_CHECKING:
    import pandas as pd

ONE_SERIES = "none"
"""What ``Reading.series`` says where a table is one series"""
NAMES = ("unique_id", "item_id", "series_id", "ts_id")
"""Columns that are called so say of which series a row is, by the habit of the field"""
AN_ID = re.compile(
    r"(?:.*[\W_])?(id|nr|no|number|series|item|store|shop|sensor|station|site|device|meter|patient)", re.I
)
"""Columns that are called so may say it by whole numbers, where times agree"""


def named_columns(path: str, frame: "pd.DataFrame", said: str) -> list[str]:
    """The columns that a person names, or one that is called as is the habit of the field; none of a single series.

    Args:
        path: of the file, for messages.
        frame: its cells.
        said: names, separated by commas; ``none`` for no columns; empty = guessed by their names.

    Raises:
        UserError: if there is no such column.
    """
    columns = [str(column) for column in frame.columns]
    if said == ONE_SERIES:
        return []
    if not said:
        return [name for name in columns if name.lower() in NAMES and _repeats(frame[name])][:1]
    wanted = [said] if said in columns else [name.strip() for name in said.split(",")]
    for name in wanted:
        if name not in columns:
            raise unknown(f"column of series in {path}:", name, columns)
    return wanted


def column_by_times(cells: Cells, moments: Moments) -> list[str]:
    """The first column of text or ids in each of whose values times rise; none where they do in the whole table."""
    if bool((np.diff(moments.numbers) > 0).all()):
        return []
    for name in map(str, cells.frame.columns):
        if name != moments.column and _may_name_series(cells.frame[name]):
            codes = cells.as_written([name])[name].factorize()[0]
            rows = np.argsort(codes, kind="stable")
            rises = np.diff(moments.numbers[rows]) > 0
            if bool((rises | (np.diff(codes[rows]) > 0)).all()):
                return [name]
    return []


def about_names(columns: "Sequence[pd.Series]") -> list[str]:
    """A note where columns without numbers might say of which series a row is, and no times show it."""
    names = [str(column.name) for column in columns if _may_name_series(column)]
    if not names:
        return []
    return [f"all rows are taken as one series (--task-options series={names[0]} where that names a row's series)"]


def _may_name_series(column: "pd.Series") -> bool:
    if bool(column.isna().any()) or column.dtype.kind in "fb" or not _repeats(column):
        return False
    if column.dtype.kind in "iu":
        return bool(AN_ID.fullmatch(str(column.name)))
    return read_dates(column.head(LOOKED_AT).astype(str)) is None


def _repeats(column: "pd.Series") -> bool:
    """Whether it has several values, and at least two rows a value."""
    return 2 <= column.nunique() <= len(column) / 2


def rows_of_series(cells: Cells, by: list[str]) -> dict[str, np.ndarray]:
    """Name of each series, in the order of their first rows -> its rows in the order of the table.

    Args:
        cells: of the table.
        by: the columns that say it; a name is what stands in them, as it is written, of several with a slash between.
            None = one series without a name.

    Raises:
        UserError: if a cell of theirs is empty, or no series has two rows.

    >>> from statewise.data.cells import read_cells
    >>> rows_of_series(read_cells("x.csv", b"shop,y\\n007,1\\n7,2\\n007,3\\n7,4\\n", ""), ["shop"])
    {'007': array([0, 2]), '7': array([1, 3])}
    """
    if not by:
        return {"": np.arange(len(cells.frame))}
    ids = cells.as_written(by)
    for column in by:
        empty = np.flatnonzero(ids[column].isna())
        if len(empty):
            raise UserError(
                f"line {cells.lines[empty[0]]} of {cells.path} does not say of which series it is: '{column}' is empty "
                "or NA; fill it in or drop the line"
            )
    keys = reduce(lambda one, other: one + "/" + other, (ids[column].str.strip() for column in by))
    codes, names = keys.factorize()
    rows = np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])
    if max(map(len, rows)) < 2:
        raise UserError(
            f"every row of {cells.path} would be a series of its own by '{', '.join(by)}'; name the column that is "
            "alike in all rows of a series with --task-options series=NAME"
        )
    return dict(zip(map(str, names), rows, strict=True))
