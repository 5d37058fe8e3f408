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

from statewise.metrics.failures import SeedScores, as_array, count_failures, fill_failures
from statewise.metrics.hierarchy import hierarchical_error
from statewise.metrics.intervals import (
    BOOTSTRAP_FROM,
    LEVEL,
    fraction_difference,
    newcombe,
    probability_of_improvement,
)
from statewise.metrics.power import FEWEST_SEEDS, seeds_for_difference, seeds_for_fractions

PairOutcome = Literal["a", "b", "tie", "undecided"]
"""Outcome of a pair: the better arm, or none."""


class PairVerdict(NamedTuple):
    """Two arms compared; ``difference`` is a - b in units of the score, whichever direction is better."""

    difference: float
    low: float
    high: float
    probability_of_improvement: float
    n: int
    verdict: PairOutcome
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
    """How verdicts are reached; ``comparisons`` is the number of comparisons that must hold together."""

    margin: float = 0.0
    level: float = LEVEL
    comparisons: int = 1

    def __post_init__(self) -> None:
        if not self.margin >= 0:
            raise ValueError(f"the practical margin must be 0 or more, got {self.margin}")
        if not 0 < self.level < 1:
            raise ValueError(f"a confidence level lies between 0 and 1, got {self.level}")

    @property
    def strictest_level(self) -> float:
        """The level of Holm's first, hardest comparison."""
        return 1 - (1 - self.level) / self.comparisons


def _place(low: float, high: float, rule: Rule, *, lower_is_better: bool) -> PairOutcome:
    """The verdict that an interval of a - b allows."""
    if low > rule.margin or high < -rule.margin:
        return "a" if (high < 0) == lower_is_better else "b"
    return "tie" if -rule.margin <= low and high <= rule.margin else "undecided"


def _p_value(mean: float, error: float, n: int, margin: float) -> float:
    """Twice Student's tail beyond the margin: below 1 - level exactly where the interval lies beyond the margin."""
    from scipy.special import stdtr

    excess = abs(mean) - margin
    if n < 2:
        return 1.0
    if error == 0:
        return 0.0 if excess > 0 else 1.0
    return min(1.0, 2 * float(stdtr(n - 1, -excess / error)))


@dataclass(frozen=True)
class Runs:
    """One arm's runs, one a seed."""

    scores: NDArray[np.float64]
    """(S,), failed runs as NaN"""
    filled: NDArray[np.float64]
    """(S,), failed runs at what they are priced at"""
    failures_priced: bool
    """Whether somebody said what a failed run scores"""
    examples: NDArray[np.float64] | None = None
    """(S, E), what every test example adds to a run's score, whose mean over the examples is ``filled``"""


def collect_runs(
    arms: Mapping[str, SeedScores],
    *,
    lower_is_better: bool,
    worst: float | None,
    examples: Mapping[str, Sequence[Sequence[float]]] | None = None,
) -> dict[str, Runs]:
    """Every arm's runs, failed ones priced once and alike in all arms (see `failures`).

    Args:
        arms: label -> one score a seed, the same seeds in the same order; None, NaN or an infinity is a failed run.
        lower_is_better: True for losses and errors.
        worst: what a failed run scores at best, such as the chance level.
        examples: label -> for each seed what every test example adds to the score; nothing for a failed one.

    Raises:
        ValueError: no arms, or an arm without seeds.
    """
    if not arms or not all(len(scores) for scores in arms.values()):
        raise ValueError("every arm needs at least one run, and there must be an arm")
    filled = fill_failures(arms, lower_is_better=lower_is_better, worst=worst)
    return {
        label: Runs(
            as_array(scores), filled[label], worst is not None, _by_example(filled[label], (examples or {}).get(label))
        )
        for label, scores in arms.items()
    }


def _by_example(filled: NDArray[np.float64], rows: Sequence[Sequence[float]] | None) -> NDArray[np.float64] | None:
    """``(S, E)``, a failed seed's row at its price; None where a finished seed's examples are not known or differ."""
    width = max((len(row) for row in rows or ()), default=0)
    if rows is None or width < 2 or any(len(row) not in (0, width) for row in rows):
        return None
    return np.array([row or [price] * width for row, price in zip(rows, filled, strict=True)], dtype=np.float64)


def _too_few(verdict: PairOutcome, n: int) -> str:
    """Why a verdict of so few seeds cannot stand, or empty."""
    return f"{n} seeds cannot tell it from luck" if n < FEWEST_SEEDS and verdict != "undecided" else ""


def _caveat(verdict: PairOutcome, a: Runs, b: Runs) -> str:
    """Why a verdict cannot stand: it favours the arm with more failed runs, and nobody said what those score."""
    surplus = count_failures(a.scores) - count_failures(b.scores)
    favoured = {"a": surplus > 0, "b": surplus < 0, "tie": surplus != 0, "undecided": False}[verdict]
    if a.failures_priced or not favoured:
        return ""
    return "the arm with more failed runs is not preferred while nobody says what a failed run scores (`worst`)"


def _error(a: Runs, b: Runs) -> tuple[float, str]:
    """Standard error of the mean of ``a - b``, infinite for one seed, and the kind of interval it makes."""
    differences = a.filled - b.filled
    n = differences.size
    if n == 1:
        return math.inf, "one seed: no interval"
    same = a.examples is not None and b.examples is not None and a.examples.shape == b.examples.shape
    if n >= BOOTSTRAP_FROM and same and a.examples is not None and b.examples is not None:
        error = hierarchical_error(a.examples - b.examples)
        return error, f"paired hierarchical bootstrap, {n} seeds and {a.examples.shape[1]} test examples"
    return float(differences.std(ddof=1)) / math.sqrt(n), f"paired t-interval, {n} seeds"


def compare_runs(a: Runs, b: Runs, rule: Rule, *, lower_is_better: bool) -> PairVerdict:
    """Compare two arms seed by seed.

    The interval is ``mean(a - b) +- t_(n-1, level) error``: what the seeds share cancels. From 5 seeds on the error is
    that of a bootstrap over seeds and test examples (`hierarchical_error`), below that, and where test examples are not
    known, ``sd / sqrt(n)`` over the seeds. Differences of two equally good arms are symmetric about 0, skewed as the
    scores may be, which is what Student's interval needs. The verdict is where the interval lies; see the head of this
    module. One seed gives no interval and stays undecided.

    Raises:
        ValueError: different numbers of seeds.

    >>> runs = collect_runs({"a": [0.10, 0.12, 0.11], "b": [0.30, 0.31, 0.33]}, lower_is_better=True, worst=None)
    >>> pair = compare_runs(runs["a"], runs["b"], Rule(), lower_is_better=True)
    >>> pair.verdict, round(pair.difference, 4), pair.probability_of_improvement
    ('a', -0.2033, 1.0)
    """
    from scipy.special import stdtrit

    n = a.scores.size
    if n != b.scores.size:
        raise ValueError(f"paired arms need the same seeds, got {n} and {b.scores.size}; give failed seeds as None")
    improvement = probability_of_improvement(a.scores, b.scores, lower_is_better=lower_is_better)
    if np.isnan(a.filled).any() or np.isnan(b.filled).any():
        kind = "no run finished: no interval"
        return PairVerdict(math.nan, math.nan, math.nan, improvement, n, "undecided", 1.0, None, kind, "")
    mean, (error, kind) = float((a.filled - b.filled).mean()), _error(a, b)
    half = float(stdtrit(n - 1, (1 + rule.level) / 2)) * error if n > 1 else math.inf
    placed = _place(mean - half, mean + half, rule, lower_is_better=lower_is_better)
    caveat = _too_few(placed, n) or _caveat(placed, a, b)
    needed = seeds_for_difference(abs(abs(mean) - rule.margin), error * math.sqrt(n), level=rule.strictest_level)
    return PairVerdict(
        difference=mean,
        low=mean - half,
        high=mean + half,
        probability_of_improvement=improvement,
        n=n,
        verdict="undecided" if caveat else placed,
        p_value=_p_value(mean, error, n, rule.margin),
        seeds_needed=needed,
        kind=kind,
        caveat=caveat,
    )


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


def compare_solved(a: Sequence[bool], b: Sequence[bool], rule: Rule) -> PairVerdict:
    """Compare two arms by the fraction of seeds that solved the task: for outcomes that are all or nothing.

    The interval of the difference of fractions is Newcombe's (`fraction_difference`). It is approximate: at 95 %, two
    equally good arms of 3 to 20 seeds have a winner in up to 3 to 8 of 100 comparisons. A failed run did not solve
    the task. Means of losses say little where some seeds reach 0 and the others stay at chance.

    Args:
        a: for each seed, whether it solved the task.
        b: likewise; the seeds need not be the same.
        rule: its margin is the smallest difference of fractions that matters.

    >>> rule = Rule()
    >>> pair = compare_solved([True] * 5, [False] * 5, rule)
    >>> pair.verdict, pair.difference
    ('a', 1.0)
    >>> compare_solved([True] * 4 + [False], [False] * 3 + [True] * 2, rule).verdict
    'undecided'
    """
    interval = fraction_difference((sum(map(bool, a)), len(a)), (sum(map(bool, b)), len(b)), level=rule.level)
    p, q = float(np.mean(a)), float(np.mean(b))
    placed = _place(interval.low, interval.high, rule, lower_is_better=False)
    caveat = _too_few(placed, interval.n)
    return PairVerdict(
        difference=interval.mean,
        low=interval.low,
        high=interval.high,
        probability_of_improvement=0.5 + (p - q) / 2,
        n=interval.n,
        verdict="undecided" if caveat else placed,
        p_value=_newcombe_p_value(p, len(a), q, len(b), rule.margin),
        seeds_needed=seeds_for_fractions(p, q, margin=rule.margin, level=rule.strictest_level),
        kind=interval.kind,
        caveat=caveat,
    )
