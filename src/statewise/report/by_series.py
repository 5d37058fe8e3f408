"""The table of scores by series: which rows it shows, and on how many series each arm does best."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from statewise.report.figures.figure import better
from statewise.report.formats import Column
from statewise.report.schema.comparison import Arm, Comparison, SeriesScores

Row = TypeVar("Row")

MOST_SERIES = 40
"""Rows of the table at most; of more series, half of them the worst and half the best"""


@dataclass(frozen=True)
class SeriesTable:
    """What a page shows of the scores by series."""

    arms: list[str]
    """Those that are scored, in the order of all arms"""
    rules: list[str]
    """Baselines"""
    rows: list[SeriesScores]
    """The worst first, by the first arm"""
    left_out: int
    """Series between the worst and the best that are shown"""
    best: dict[str, str]
    """Series -> the arm that does best on it, the first of equals"""
    wins: Counter[str]
    """Arm -> on how many series it does best"""
    column: Column


def series_table(data: Comparison, ranked: Sequence[Arm]) -> SeriesTable | None:
    """The scores of ``ranked`` arms, best first, by series; None where no arm is scored by any."""
    arms = [arm.label for arm in ranked if any(arm.label in one.arms for one in data.series)]
    if not arms:
        return None
    lead = better(data.task.primary)
    sign = -1.0 if data.task.primary.lower_is_better else 1.0
    rows = sorted((one for one in data.series if arms[0] in one.arms), key=lambda one: sign * one.arms[arms[0]])
    best: dict[str, str] = {}
    for one in rows:
        for arm in arms:
            if arm in one.arms and (one.name not in best or lead(one.arms[arm], one.arms[best[one.name]])):
                best[one.name] = arm
    shown, left_out = both_ends(rows)
    scores = [score for one in shown for score in (*one.arms.values(), *one.baselines.values())]
    rules = list(dict.fromkeys(rule for one in shown for rule in one.baselines))
    return SeriesTable(arms, rules, shown, left_out, best, Counter(best.values()), Column(scores))


def both_ends(rows: Sequence[Row]) -> tuple[list[Row], int]:
    """Rows from the worst to the best, of more than ``MOST_SERIES`` both ends; and how many lie between these."""
    half = MOST_SERIES // 2
    shown = list(rows) if len(rows) <= MOST_SERIES else [*rows[:half], *rows[-half:]]
    return shown, len(rows) - len(shown)
