"""Figures that summarise many runs: the middle, the best of k, the time to solve, the front, claims made together."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from statewise.metrics.failures import Scores, as_array, fill_failures


def interquartile_mean(scores: Scores) -> float:
    """Mean of the middle half: the lowest and the highest ``floor(n / 4)`` scores are left out (Agarwal et al. 2021).

    Failed runs have no place on the scale: `fill_failures` first.

    >>> interquartile_mean([0.0, 1.0, 2.0, 1000.0])
    1.5
    """
    from scipy.stats import trim_mean

    return float(trim_mean(as_array(scores), 0.25))


def expected_best(scores: Scores, *, lower_is_better: bool, worst: float | None = None) -> list[float]:
    """Expected best score of k tuning trials, for k = 1..n: what tuning with a smaller budget would have found.

    The mean of the best over all subsets of k of the n trials, in closed form: with scores sorted from worst to best,
    ``sum_(i=k..n) C(i-1, k-1) / C(n, k) x_(i)``. Unbiased, drawing without replacement (Tang et al. 2020, "Showing
    Your Work Doesn't Always Work"); Dodge et al. 2019 draw with replacement and are biased. Failed trials count as in
    `fill_failures`; where all failed, every value is NaN.

    >>> [round(value, 4) for value in expected_best([3.0, 1.0, 2.0], lower_is_better=True)]
    [2.0, 1.3333, 1.0]
    """
    filled = fill_failures({"trials": scores}, lower_is_better=lower_is_better, worst=worst)["trials"]
    best_first = np.sort(filled) if lower_is_better else np.sort(filled)[::-1]
    n, values = best_first.size, []
    for k in range(1, n + 1):
        rank = np.arange(n, k, -1)
        weights = k / n * np.cumprod(np.concatenate([[1.0], (rank - k) / (rank - 1)]))
        values.append(float(weights @ best_first[: n - k + 1]))
    return values


def median_steps(steps: Sequence[float], solved: Sequence[bool]) -> float | None:
    """Median number of steps to solve a task, runs that stopped before they solved it being censored, not dropped.

    The first step at which the Kaplan-Meier estimate of the unsolved fraction is 1/2 or less:
    ``S(t) = prod_(t_i <= t) (1 - solved at t_i / still running at t_i)``.

    Args:
        steps: for each run, the step at which it solved the task, or its last step if it did not.
        solved: for each run, whether it solved the task.

    Returns:
        The median, or None if too few runs solved the task to know it.

    >>> median_steps([100, 200, 1000], [True, True, False])
    200.0
    >>> median_steps([100, 1000, 1000], [True, False, False]) is None
    True
    """
    from scipy.stats import CensoredData, ecdf

    if len(steps) != len(solved):
        raise ValueError(f"one step count a run: got {len(steps)} steps for {len(solved)} runs")
    if not any(solved):
        return None
    unsolved = ecdf(CensoredData.right_censored(np.asarray(steps, dtype=float), ~np.asarray(solved, dtype=bool))).sf
    reached = unsolved.quantiles[unsolved.probabilities <= 0.5 + 1e-12]
    return float(reached[0]) if reached.size else None


def pareto_front(points: ArrayLike, lower_is_better: Sequence[bool]) -> list[bool]:
    """Which points no other beats: nowhere worse and somewhere better. Equal points stand or fall together.

    Args:
        points: (n, D), one row an arm, one column a quantity; an arm with a NaN is never on the front.
        lower_is_better: for each column.

    >>> pareto_front([[0.1, 100], [0.2, 50], [0.3, 60]], lower_is_better=[True, True])  # error, milliseconds
    [True, True, False]
    """
    values = np.asarray(points, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] != len(lower_is_better):
        raise ValueError(f"points of shape {values.shape} need one direction a column, got {len(lower_is_better)}")
    cost = np.where(lower_is_better, values, -values)
    rivals = cost[~np.isnan(cost).any(axis=1)]
    beaten = [bool(((rivals <= row).all(axis=1) & (rivals < row).any(axis=1)).any()) for row in cost]
    return [not lost and not np.isnan(row).any() for lost, row in zip(beaten, cost, strict=True)]


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values adjusted so that all claims made below a level are right together with that confidence (Holm 1979).

    With ``p_(1) <= ... <= p_(m)``: ``adjusted_(i) = max_(j <= i) min(1, (m - j + 1) p_(j))``.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    steps = np.minimum(1.0, p[order] * np.arange(p.size, 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.maximum.accumulate(steps)
    return [float(value) for value in adjusted]
