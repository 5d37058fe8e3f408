"""The table of a run's scores by series: which rows it shows, and on how many series what does best."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from statewise.report.by_series import both_ends
from statewise.report.formats import Column

MODEL = "test"
"""What the column of the model is called"""


@dataclass(frozen=True)
class RunSeries:
    """What the page of a run shows of the scores by series."""

    columns: list[str]
    """The model, and the baselines that it is scored beside"""
    rows: list[tuple[str, list[float | None]]]
    """Name of a series and its scores, a column each; where the model does worst first"""
    left_out: int
    """Series between the worst and the best that are shown"""
    best: dict[str, str]
    """Series -> the column that does best on it, the first of equals"""
    wins: Counter[str]
    """Column -> on how many series it does best"""
    column: Column
    lower_is_better: bool


def run_series(result: dict[str, Any]) -> RunSeries | None:
    """The primary scores of a result by series; None where it is of one series."""
    found = result.get("series", {})
    if not found:
        return None
    primary, lower = result.get("primary", ""), result.get("lower_is_better", True)
    rules = list(dict.fromkeys(name for one in found.values() for name in one["baselines"]))
    columns = [MODEL, *rules]
    rows = [
        (name, [scores.get(primary) for scores in (one["test"], *(one["baselines"].get(rule, {}) for rule in rules))])
        for name, one in found.items()
    ]

    def badness(score: float | None) -> float:
        return float("inf") if score is None else score if lower else -score

    rows.sort(key=lambda row: -badness(row[1][0]))
    best = {name: min(zip(columns, scores, strict=True), key=lambda one: badness(one[1]))[0] for name, scores in rows}
    shown, left_out = both_ends(rows)
    column = Column(score for _, scores in shown for score in scores)
    return RunSeries(columns, shown, left_out, best, Counter(best.values()), column, lower)
