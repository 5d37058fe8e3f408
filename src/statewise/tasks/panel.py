"""Several series as a forecast needs them: one after the other in memory, each cut into its own three parts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from statewise.data.table import Series, Table
from statewise.errors import UserError, counted, listed
from statewise.metrics.scores import seasonal_naive_error
from statewise.tasks.columns import Columns, choose_columns

SPLITS = ("train", "valid", "test")
EXACT = 1e-9
"""Errors below this share of the last value's come of rounding"""


class Sizes(NamedTuple):
    """How the rows of a series are cut; sizes up to 1 are fractions of them."""

    train: float
    valid: float
    rows: int
    """How many are used; 0 = all"""
    horizon: int

    def cut(self, length: int) -> tuple[int, int, int]:
        """Where the three parts of a series end."""
        length = min(self.rows or length, length)
        first = round(self.train if self.train > 1 else self.train * length)
        return first, first + round(self.valid if self.valid > 1 else self.valid * length), length

    def parts(self, length: int) -> dict[str, int]:
        """How many rows each part has; fewer than none where there are too few rows."""
        first, second, last = self.cut(length)
        return dict(zip(SPLITS, (first, second - first, last - second), strict=True))

    def short(self, length: int) -> str:
        """The first part that does not hold a horizon, if there is one."""
        return next((name for name, rows in self.parts(length).items() if rows <= self.horizon), "")


@dataclass(frozen=True)
class Panel:
    """S series, N rows in all, D columns, K targets; a row's place is counted through all series."""

    names: list[str]
    """Of the series; one empty name where a table is one series"""
    values: np.ndarray
    """(N, D) float64"""
    times: list[np.ndarray]
    """When the rows of each series came, in seconds or units since its first"""
    bounds: Mapping[str, list[tuple[int, int]]]
    """Split -> of each series the first place and the one after its last"""
    series: np.ndarray
    """(N,) int64: the number of the series that a row is of"""

    def part(self, split: str) -> list[np.ndarray]:
        """The rows of a split, series by series."""
        return [self.values[start:end] for start, end in self.bounds[split]]

    def train_times(self) -> list[np.ndarray]:
        """When the training rows of each series came."""
        return [times[: end - start] for times, (start, end) in zip(self.times, self.bounds["train"], strict=True)]


def lay_out(
    table: Table, sizes: Sizes, *, source: str, target: str, columns: str, notes: list[str]
) -> tuple[Panel, Columns]:
    """The series of a table that can be learnt from, and the columns that are chosen; what is left out is noted.

    Raises:
        UserError: if no series is long enough, or no target varies.
    """
    usable = [one for one in table.series if not sizes.short(len(one.values))]
    if not usable:
        raise _too_short(table, sizes, source)
    if len(usable) < len(table.series):
        short = [one.name for one in table.series if sizes.short(len(one.values))]
        notes.append(f"left out, for they are too short for a horizon of {sizes.horizon}: {listed(short)}")
    varies = np.stack([np.ptp(one.values[: sizes.cut(len(one.values))[0]], axis=0) > 0 for one in usable])
    chosen = choose_columns(table, targets=target, beside=columns, varies=varies)
    notes.extend(chosen.notes)
    moves = [bool(row[chosen.targets].all()) for row in varies]
    if not any(moves):
        raise UserError("no series varies in all targets in its training part; forecast fewer: --task-options target=")
    if not all(moves):
        still = [one.name for one, moving in zip(usable, moves, strict=True) if not moving]
        notes.append(f"left out, for a target is constant in their training part: {listed(still)}")
    return _joined([one for one, moving in zip(usable, moves, strict=True) if moving], sizes, chosen.looked_at), chosen


def _joined(series: Sequence[Series], sizes: Sizes, columns: list[int]) -> Panel:
    cuts = np.array([sizes.cut(len(one.values)) for one in series])
    firsts = np.cumsum(cuts[:, 2]) - cuts[:, 2]
    edges = np.column_stack([firsts, firsts[:, None] + cuts]).tolist()
    bounds = {split: [(row[k], row[k + 1]) for row in edges] for k, split in enumerate(SPLITS)}
    values = np.concatenate([one.values[:end, columns] for one, end in zip(series, cuts[:, 2], strict=True)])
    times = [one.at[:end] for one, end in zip(series, cuts[:, 2], strict=True)]
    return Panel([one.name for one in series], values, times, bounds, np.repeat(np.arange(len(series)), cuts[:, 2]))


def _too_short(table: Table, sizes: Sizes, source: str) -> UserError:
    longest = max(table.series, key=lambda one: len(one.values))
    part = sizes.short(len(longest.values))
    rows = counted(max(0, sizes.parts(len(longest.values))[part]), "row")
    whose = f"longest series of {source}, '{longest.name}'," if table.by else f"{part} part of {source}"
    has = f"has {rows} in its {part} part" if table.by else f"has {rows}"
    return UserError(
        f"the {whose} {has}, too few for a horizon of {sizes.horizon}; give a longer series, a shorter horizon or "
        "other split sizes"
    )


def about_rows(panel: Panel, horizon: int) -> str:
    """How many rows each part has, for a person to read."""
    train, valid, test = (sum(end - start for start, end in panel.bounds[split]) for split in SPLITS)
    return (
        f"rows: {train} train, {valid} validate, {test} test (--task-options train=... valid=...); horizon: {horizon} "
        "(--task-options horizon=N)"
    )


def naive_error(targets: np.ndarray, season: int) -> np.ndarray:
    """Mean absolute error of the seasonal naive forecast on training rows ``(rows, K)`` that vary, one a target.

    Where a season repeats itself exactly, that of the last value, as no error could be held against none.

    >>> naive_error(np.array([[0.0], [1.0], [0.0], [1.0]]), season=2)
    array([1.])
    """
    seasonal, last = (seasonal_naive_error(torch.from_numpy(targets), lag).numpy() for lag in (season, 1))
    return np.where(seasonal > EXACT * last, seasonal, last)


def checked_seasons(panel: Panel, season: int, notes: list[str]) -> list[int]:
    """The season of each series, 1 where its training part does not hold one."""
    rows = [end - start for start, end in panel.bounds["train"]]
    short = [name for name, there in zip(panel.names, rows, strict=True) if season >= there]
    if short:
        whose = "the training part" if len(short) == len(rows) else f"the training parts of {listed(short)}"
        notes.append(f"a season of {season} rows is longer than {whose}: no season is assumed")
    return [season if season < there else 1 for there in rows]
