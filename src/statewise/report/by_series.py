"""The table of scores by series: which rows it shows, and on how many series each column does best."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from statewise.report.formats import Column

Scores = Mapping[str, float | None]
"""Column -> its score on a series"""

MOST_SERIES = 40
"""Rows of the table at most; of more series, half of them the worst and half the best"""


@dataclass(frozen=True)
class SeriesTable:
    """What a page shows of the scores by series."""

    score: str
    """Its name"""
    lower_is_better: bool
    columns: Sequence[str]
    """What is scored: arms, or a model, and the rules beside them"""
    rows: Sequence[tuple[str, Scores]]
    """Name of a series and its scores; where the first column does worst, or has no score, first"""
    left_out: int
    """Series between the worst and the best that are shown"""
    best: Mapping[str, str]
    """Series -> the column that does best on it, the first of equals"""
    wins: Mapping[str, int]
    """Column -> on how many series it does best, of all"""
    column: Column


def series_table(
    series: Mapping[str, Scores], columns: Sequence[str], score: str, *, lower_is_better: bool
) -> SeriesTable | None:
    """The scores of ``columns`` by series; None where nothing is scored by any."""
    if not series or not columns:
        return None

    def badness(value: float | None) -> float:
        return float("inf") if value is None else value if lower_is_better else -value

    rows = sorted(series.items(), key=lambda row: -badness(row[1].get(columns[0])))
    best = {}
    for name, scores in rows:
        scored = [column for column in columns if scores.get(column) is not None]
        if scored:
            best[name] = min(scored, key=lambda column: badness(scores[column]))
    half = MOST_SERIES // 2
    shown = rows if len(rows) <= MOST_SERIES else [*rows[:half], *rows[-half:]]
    column = Column(scores.get(name) for _, scores in shown for name in columns)
    left_out = len(rows) - len(shown)
    return SeriesTable(score, lower_is_better, columns, shown, left_out, best, Counter(best.values()), column)
