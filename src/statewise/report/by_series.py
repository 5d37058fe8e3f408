"""The table of scores by series: which rows it shows, and on how many series each column does best."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from statewise.report.formats import Column

MOST_SERIES = 40
"""Rows of the table at most; of more series, half of them the worst and half the best"""


@dataclass(frozen=True)
class Row:
    """The scores on one series."""

    name: str
    scores: Sequence[float | None]
    """A column each"""
    best: int | None
    """The column that does best, the first of equals; None where none has a score"""


@dataclass(frozen=True)
class SeriesTable:
    """What a page shows of the scores by series."""

    score: str
    """Its name"""
    lower_is_better: bool
    columns: Sequence[str]
    """What is scored: arms, or a model, and the rules beside them"""
    rows: Sequence[Row]
    """Where the first column has no score, first, then where it does worst"""
    left_out: int
    """Series between the worst and the best that are shown"""
    wins: Counter[int | None]
    """Column -> on how many series it does best, of all"""
    column: Column


def series_table(
    series: Sequence[tuple[str, Sequence[float | None]]],
    columns: Sequence[str],
    score: str,
    *,
    lower_is_better: bool,
) -> SeriesTable | None:
    """The scores of each series by name, a column each; None where there are none."""

    def badness(value: float | None) -> float:
        return float("inf") if value is None else value if lower_is_better else -value

    def row(name: str, scores: Sequence[float | None]) -> Row:
        scored = [place for place, value in enumerate(scores) if value is not None]
        return Row(name, scores, min(scored, key=lambda place: badness(scores[place]), default=None))

    rows = sorted((row(name, scores) for name, scores in series), key=lambda row: -badness(row.scores[0]))
    if all(row.best is None for row in rows):
        return None
    half = MOST_SERIES // 2
    shown = rows if len(rows) <= MOST_SERIES else [*rows[:half], *rows[-half:]]
    column, wins = Column(value for row in shown for value in row.scores), Counter(row.best for row in rows)
    return SeriesTable(score, lower_is_better, columns, shown, len(rows) - len(shown), wins, column)
