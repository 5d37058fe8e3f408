"""Two arms compared over few seeds: which is better, whether they are tied, or that it is undecided.

The margin is the smallest difference that matters in practice; it is fixed before anybody looks. A pair's verdict is
where the interval of its difference lies: beyond the margin, one arm is better; within it, the arms are tied
(equivalent for practical purposes); across an edge of it, the question is undecided. With margin 0, any difference
counts and only arms that are equal to the last digit tie. Fewer than three seeds decide nothing.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from statewise.metrics.failures import Scores, as_array, count_failures, fill_failures
from statewise.metrics.intervals import (
    LEVEL,
    fraction_difference,
    newcombe,
    paired_difference,
    probability_of_improvement,
)
from statewise.metrics.power import FEWEST_SEEDS, seeds_for_difference, seeds_for_fractions

Placed = Literal["a", "b", "tie", "undecided"]
"""Outcome of a pair: the better arm, or none."""


class PairVerdict(NamedTuple):
    """Two arms compared; ``difference`` is a - b in units of the score, whichever direction is better."""

    difference: float
    low: float
    high: float
    probability_of_improvement: float
    n: int
    verdict: Placed
    p_value: float
    """Of the difference being no larger than the margin."""
    seeds_needed: int | None
    """Seeds an arm that would probably settle it, a rough estimate; None if too many or unknown."""
    kind: str
    """Of the interval; says so where there is none."""
    caveat: str
    """Why the verdict is more careful than the interval, or empty."""


@dataclass(frozen=True)
class Rule:
    """How verdicts are reached; ``rivals`` is the number of comparisons that must hold together."""

    lower_is_better: bool
    margin: float
    level: float
    rivals: int

    def __post_init__(self) -> None:
        if not self.margin >= 0:
            raise ValueError(f"the practical margin must be 0 or more, got {self.margin}")
        if not 0 < self.level < 1:
            raise ValueError(f"a confidence level lies between 0 and 1, got {self.level}")

    @property
    def strictest_level(self) -> float:
        """The level of Holm's first, hardest comparison."""
        return 1 - (1 - self.level) / self.rivals


def _place(low: float, high: float, n: int, rule: Rule) -> Placed:
    """The verdict that an interval of a - b allows."""
    if n < FEWEST_SEEDS:
        return "undecided"
    if low > rule.margin or high < -rule.margin:
        return "a" if (high < 0) == rule.lower_is_better else "b"
    return "tie" if -rule.margin <= low and high <= rule.margin else "undecided"


def _difference_p_value(differences: NDArray[np.float64], margin: float) -> float:
    """Twice Student's tail beyond the margin: below 1 - level exactly where the interval lies beyond the margin."""
    from scipy.special import stdtr

    if differences.size < 2:
        return 1.0
    excess = abs(float(differences.mean())) - margin
    error = float(differences.std(ddof=1)) / math.sqrt(differences.size)
    if error == 0:
        return 0.0 if excess > 0 else 1.0
    return min(1.0, 2 * float(stdtr(differences.size - 1, -excess / error)))


class Runs(NamedTuple):
    """One arm's runs: scores with failed runs as NaN, and the same with failed runs at the worst outcome."""

    scores: NDArray[np.float64]
    filled: NDArray[np.float64]
    failures_priced: bool
    """Whether somebody said what a failed run scores."""


def collect_runs(arms: Mapping[str, Scores], *, lower_is_better: bool, worst: float | None) -> dict[str, Runs]:
    """Every arm's runs, failed ones filled alike in all arms."""
    filled = fill_failures(arms, lower_is_better=lower_is_better, worst=worst)
    return {label: Runs(as_array(scores), filled[label], worst is not None) for label, scores in arms.items()}


def _caveat(verdict: Placed, a: Runs, b: Runs) -> str:
    """Why a verdict cannot stand: it favours the arm with more failed runs, and nobody said what those score."""
    surplus = count_failures(a.scores) - count_failures(b.scores)
    favoured = {"a": surplus > 0, "b": surplus < 0, "tie": surplus != 0, "undecided": False}[verdict]
    if a.failures_priced or not favoured:
        return ""
    return "the arm with more failed runs is not preferred while nobody says what a failed run scores (`worst`)"


def pair_runs(a: Runs, b: Runs, rule: Rule) -> PairVerdict:
    """Two arms' paired runs judged by a rule."""
    improvement = probability_of_improvement(a.scores, b.scores, lower_is_better=rule.lower_is_better)
    if np.isnan(a.filled).any() or np.isnan(b.filled).any():
        kind, n = "no run finished: no interval", min(a.scores.size, b.scores.size)
        return PairVerdict(math.nan, math.nan, math.nan, improvement, n, "undecided", 1.0, None, kind, "")
    interval = paired_difference(a.filled, b.filled, level=rule.level)
    placed = _place(interval.low, interval.high, interval.n, rule)
    caveat = _caveat(placed, a, b)
    differences = a.filled - b.filled
    deviation = float(differences.std(ddof=1)) if interval.n > 1 else math.nan
    gap = abs(abs(interval.mean) - rule.margin)
    return PairVerdict(
        difference=interval.mean,
        low=interval.low,
        high=interval.high,
        probability_of_improvement=improvement,
        n=interval.n,
        verdict="undecided" if caveat else placed,
        p_value=_difference_p_value(differences, rule.margin),
        seeds_needed=seeds_for_difference(gap, deviation, level=rule.strictest_level),
        kind=interval.kind,
        caveat=caveat,
    )


def compare_pair(
    a_scores: Scores,
    b_scores: Scores,
    *,
    lower_is_better: bool,
    margin: float = 0.0,
    worst: float | None = None,
    level: float = LEVEL,
) -> PairVerdict:
    """Compare two arms seed by seed.

    The interval is Student's for the paired differences (`paired_difference`), the verdict where it lies; see the head
    of this module. One seed gives no interval and stays undecided. Failed runs count as the worst outcome (see
    `failures`): without a stated ``worst``, the arm with more of them neither wins nor ties.

    Args:
        a_scores: one score a seed; None, NaN or an infinity is a failed run.
        b_scores: the same seeds in the same order.
        lower_is_better: True for losses and errors.
        margin: the smallest difference that matters, in units of the score.
        worst: what a failed run scores, such as the chance level.
        level: confidence.

    Raises:
        ValueError: no seeds, different numbers of seeds, a negative margin.

    >>> pair = compare_pair([0.10, 0.12, 0.11], [0.30, 0.31, 0.33], lower_is_better=True)
    >>> pair.verdict, round(pair.difference, 4), pair.probability_of_improvement
    ('a', -0.2033, 1.0)
    >>> compare_pair([0.1], [0.3], lower_is_better=True).kind
    'one seed: no interval'
    """
    rule = Rule(lower_is_better, margin, level, rivals=1)
    runs = collect_runs({"a": a_scores, "b": b_scores}, lower_is_better=lower_is_better, worst=worst)
    return pair_runs(runs["a"], runs["b"], rule)


def _newcombe_p_value(p: float, m: int, q: float, n: int, margin: float) -> float:
    """Twice the normal tail at the largest z for which Newcombe's interval still lies beyond the margin."""
    if abs(p - q) <= margin:
        return 1.0
    if p < q:
        return _newcombe_p_value(q, n, p, m, margin)
    inside, outside = 0.0, 40.0
    for _ in range(60):
        z = (inside + outside) / 2
        inside, outside = (z, outside) if newcombe(p, m, q, n, z)[0] > margin else (inside, z)
    return 2 * NormalDist().cdf(-inside)


def pair_solved(a: Sequence[bool], b: Sequence[bool], rule: Rule) -> PairVerdict:
    """Two arms' fractions of solved seeds judged by a rule."""
    interval = fraction_difference((sum(map(bool, a)), len(a)), (sum(map(bool, b)), len(b)), level=rule.level)
    p, q = float(np.mean(a)), float(np.mean(b))
    return PairVerdict(
        difference=interval.mean,
        low=interval.low,
        high=interval.high,
        probability_of_improvement=0.5 + (p - q) / 2,
        n=interval.n,
        verdict=_place(interval.low, interval.high, interval.n, rule),
        p_value=_newcombe_p_value(p, len(a), q, len(b), rule.margin),
        seeds_needed=seeds_for_fractions(p, q, margin=rule.margin, level=rule.strictest_level),
        kind=interval.kind,
        caveat="",
    )


def compare_solved(
    a_solved: Sequence[bool], b_solved: Sequence[bool], *, margin: float = 0.0, level: float = LEVEL
) -> PairVerdict:
    """Compare two arms by the fraction of seeds that solved the task: for outcomes that are all or nothing.

    The interval of the difference of fractions is Newcombe's (`fraction_difference`). It is approximate: at 95 %, two
    equally good arms of 3 to 20 seeds have a winner in up to 3 to 8 of 100 comparisons. A failed run did not solve
    the task. Means of losses say little where some seeds reach 0 and the others stay at chance.

    Args:
        a_solved: for each seed, whether it solved the task.
        b_solved: likewise; the seeds need not be the same.
        margin: the smallest difference of fractions that matters, between 0 and 1.
        level: confidence.

    >>> pair = compare_solved([True] * 5, [False] * 5)
    >>> pair.verdict, pair.difference
    ('a', 1.0)
    >>> compare_solved([True] * 4 + [False], [False] * 3 + [True] * 2).verdict
    'undecided'
    """
    return pair_solved(a_solved, b_solved, Rule(False, margin, level, rivals=1))
