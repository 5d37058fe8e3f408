"""Who is better: pairs of arms, and the verdict over all: winner, tie or undecided."""

import math
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from statewise.metrics.intervals import (
    Interval,
    fraction_difference,
    mean_interval,
    probability_of_improvement,
)

LIKELY = 0.75
"""P(a better than b) from which a difference matters in practice (Bouthillier et al. 2021)"""
MARGIN = 0.02
"""Differences within this fraction of the score count as a tie"""


class Pair(NamedTuple):
    """One arm against another; differences are a - b in the metric's own units."""

    difference: float
    low: float
    high: float
    probability_of_improvement: float
    """That a seed of a is better than a seed of b"""
    n: int
    verdict: Literal["a", "b", "tie", "undecided"]


class Decision(NamedTuple):
    """The outcome of a comparison."""

    verdict: Literal["winner", "tie", "undecided"]
    arms: list[str]
    """The winner alone, or the arms that cannot be told apart, best first"""
    more_seeds: int | None
    """About how many more seeds a winner would take; None where there is one or more would not help"""


def compare_pair(first: Sequence[float], second: Sequence[float], *, lower_is_better: bool) -> Pair:
    """Scores of the same seeds in the same order; a failed seed is infinitely bad.

    The verdict is ``a`` or ``b`` where the interval of the paired difference leaves zero out and the probability of
    improvement is at least 0.75; ``tie`` where the whole interval lies within 2 % of the score; else ``undecided``.
    """
    n = min(len(first), len(second))
    chance = probability_of_improvement(first, second, lower_is_better=lower_is_better)
    if not all(map(math.isfinite, (*first, *second))):
        return _pair_with_failures(first, second, chance, lower_is_better)
    found = mean_interval([a - b for a, b in zip(first, second, strict=True)])
    return Pair(
        found.mean, found.low, found.high, chance, n, _verdict(found, chance, _scale(first, second), lower_is_better)
    )


def compare_solved(first: tuple[int, int], second: tuple[int, int]) -> Pair:
    """Fractions (solved, seeds) of a bimodal task; decided where Newcombe's interval leaves zero out."""
    found = fraction_difference(first, second)
    chance = (1 + found.mean) / 2
    verdict: Literal["a", "b", "tie", "undecided"] = "undecided"
    if found.low > 0:
        verdict = "a"
    elif found.high < 0:
        verdict = "b"
    return Pair(found.mean, found.low, found.high, chance, min(first[1], second[1]), verdict)


def decide(
    scores: Mapping[str, Sequence[float]], *, lower_is_better: bool, solved: Mapping[str, int] | None
) -> Decision:
    """The verdict over all arms, by comparing the best arm with each other one.

    Args:
        scores: arm -> score of each seed, the same seeds in the same order.
        lower_is_better: which way is better.
        solved: arm -> how many seeds solved a bimodal task; None where outcomes are not bimodal.
    """
    order = ranked(scores, lower_is_better=lower_is_better, solved=solved)
    if len(order) < 2:
        return Decision("undecided", order, None)
    best = order[0]
    pairs = {arm: _pair(best, arm, scores, solved, lower_is_better) for arm in order[1:]}
    rivals = [arm for arm, pair in pairs.items() if pair.verdict != "a"]
    if not rivals:
        return Decision("winner", [best], None)
    if solved is not None and all(solved[arm] == len(scores[arm]) for arm in (best, *rivals)):
        return Decision("tie", [best, *rivals], None)
    if solved is None and all(pairs[arm].verdict == "tie" for arm in rivals):
        return Decision("tie", [best, *rivals], None)
    return Decision("undecided", [best, *rivals], _more_seeds(pairs[rivals[0]]))


def ranked(
    scores: Mapping[str, Sequence[float]], *, lower_is_better: bool, solved: Mapping[str, int] | None
) -> list[str]:
    """Arms from best to worst: by fraction solved where there is one, then by mean score."""

    def badness(arm: str) -> tuple[float, float]:
        mean = sum(scores[arm]) / len(scores[arm]) if scores[arm] else math.nan
        worth = mean if lower_is_better else -mean
        return (
            -(solved[arm] / max(1, len(scores[arm]))) if solved else 0.0,
            worth if math.isfinite(worth) else math.inf,
        )

    return sorted(scores, key=badness)


def _pair(
    a: str, b: str, scores: Mapping[str, Sequence[float]], solved: Mapping[str, int] | None, lower_is_better: bool
) -> Pair:
    if solved is not None:
        return compare_solved((solved[a], len(scores[a])), (solved[b], len(scores[b])))
    return compare_pair(scores[a], scores[b], lower_is_better=lower_is_better)


def _pair_with_failures(first: Sequence[float], second: Sequence[float], chance: float, lower_is_better: bool) -> Pair:
    """Where seeds failed there is no mean difference: the probability of improvement decides, all seeds or none."""
    verdict: Literal["a", "b", "tie", "undecided"] = "undecided"
    if len(first) >= 3 and chance in (0.0, 1.0):
        verdict = "a" if chance == 1.0 else "b"
    worst = math.inf if lower_is_better else -math.inf
    finite = [a - b for a, b in zip(first, second, strict=True) if math.isfinite(a) and math.isfinite(b)]
    difference = sum(finite) / len(finite) if finite else 0.0
    return Pair(difference, -abs(worst), abs(worst), chance, len(first), verdict)


def _verdict(
    found: Interval, chance: float, scale: float, lower_is_better: bool
) -> Literal["a", "b", "tie", "undecided"]:
    if found.n < 2:
        return "undecided"
    if found.low >= -MARGIN * scale and found.high <= MARGIN * scale:
        return "tie"
    better_low = found.high < 0 if lower_is_better else found.low > 0
    worse = found.low > 0 if lower_is_better else found.high < 0
    if better_low and chance >= LIKELY:
        return "a"
    return "b" if worse and chance <= 1 - LIKELY else "undecided"


def _scale(first: Sequence[float], second: Sequence[float]) -> float:
    values = [abs(value) for value in (*first, *second)]
    return sum(values) / len(values)


def _more_seeds(pair: Pair) -> int | None:
    """Seeds until a difference of this size would show: the interval narrows as 1 / sqrt(n)."""
    half = (pair.high - pair.low) / 2
    if not math.isfinite(half) or pair.difference == 0 or pair.n < 2:
        return None
    needed = math.ceil(pair.n * (half / abs(pair.difference)) ** 2)
    return max(1, needed - pair.n) if needed <= 1000 else None
