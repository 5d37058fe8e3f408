"""Decisions straight from scores, for tests: the runs are collected on the way."""

from collections.abc import Mapping
from typing import Any

from statewise.metrics import collect_runs, compare_runs
from statewise.metrics import decide as decide_runs
from statewise.metrics.decisions import Decision
from statewise.metrics.intervals import LEVEL
from statewise.metrics.pairs import PairVerdict, Rule


def compare_pair(
    a: Any, b: Any, *, lower_is_better: bool, margin: float = 0.0, worst: float | None = None, level: float = LEVEL
) -> PairVerdict:
    runs = collect_runs({"a": a, "b": b}, lower_is_better=lower_is_better, worst=worst)
    return compare_runs(runs["a"], runs["b"], Rule(margin, level), lower_is_better=lower_is_better)


def decide(
    arms: Mapping[str, Any], *, lower_is_better: bool, worst: float | None = None, margin: float = 0.0
) -> Decision:
    runs = collect_runs(arms, lower_is_better=lower_is_better, worst=worst)
    return decide_runs(runs, lower_is_better=lower_is_better, margin=margin)
