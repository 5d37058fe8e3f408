"""Figures that summarise many runs: the best of k, the time to solve, claims made together."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike


def expected_best(scores: ArrayLike, *, lower_is_better: bool) -> list[float]:
    """Expected best score of k tuning trials, for k = 1..n: what tuning with a smaller budget would have found.

    The mean of the best over all subsets of k of the n trials, in closed form: with scores sorted from worst to best,
    ``sum_(i=k..n) C(i-1, k-1) / C(n, k) x_(i)``. Unbiased, drawing without replacement (Tang et al. 2020, "Showing
    Your Work Doesn't Always Work"); Dodge et al. 2019 draw with replacement and are biased. Failed trials
    have no place on the scale: `fill_failures` first.

    >>> [round(value, 4) for value in expected_best([3.0, 1.0, 2.0], lower_is_better=True)]
    [2.0, 1.3333, 1.0]
    """
    values = np.sort(np.asarray(scores, dtype=np.float64))
    best_first = values if lower_is_better else values[::-1]
    n, expected = best_first.size, list[float]()
    for k in range(1, n + 1):
        rank = np.arange(n, k, -1)
        weights = k / n * np.cumprod(np.concatenate([[1.0], (rank - k) / (rank - 1)]))
        expected.append(float(weights @ best_first[: n - k + 1]))
    return expected


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
