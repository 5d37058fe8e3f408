"""Whether scores spread more over the settings of an arm or over the arms."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from statewise.metrics.intervals import LEVEL, Interval, t_interval


def spread_ratio(settings: ArrayLike, seeds: ArrayLike, *, level: float = LEVEL) -> Interval:
    """Standard deviation over the settings of an arm, over that over arms at their best setting; 1 = as much.

    With V(x) a sample variance, s_a the scores of arm a's settings and r_a those of its R fresh seeds:

        ratio^2 = mean_a V(s_a) / (V(mean r_a) + (1 - 1/R) mean_a V(r_a))

    What seeds alone do is part of V(s_a) in full and of V(mean r_a) in an R-th: the last term makes up for that, so
    that the ratio is 1 where neither settings nor arms decide anything. Arms are taken for a draw from those there
    might be. The interval is Student's over the jackknife's pseudo-values of the ratio's logarithm (Miller 1968,
    "Jackknifing Variances"), an arm left out at a time. Where 9 arms and their settings spread alike, a 95 % interval
    leaves out 1 in 3 to 8 of 100 cases if scores are normal, uniform or all or nothing, and in 14 if they are
    exponential: what few arms tell of a spread is rough.

    Args:
        settings: ``(A, S)``, each arm's scores with S settings.
        seeds: ``(A, R)``, each arm's scores with its best setting.
        level: confidence.

    Returns:
        Ratio and interval; 0, infinite or NaN where a variance is 0, its interval then from 0 to infinity.

    >>> rng = np.random.default_rng(0)
    >>> found = spread_ratio(rng.normal(size=(9, 8)), rng.normal(size=(9, 1)) / 5 + rng.normal(size=(9, 5)) / 100)
    >>> found.low > 1, found.kind
    (True, 'jackknife, 9 arms')
    """
    tried, fresh = np.asarray(settings, dtype=np.float64), np.asarray(seeds, dtype=np.float64)
    arms = np.arange(len(tried))
    whole = _log_ratio(tried, fresh)
    without = np.array([_log_ratio(tried[arms != arm], fresh[arms != arm]) for arm in arms])
    kind, ratio = f"jackknife, {len(arms)} arms", math.exp(whole / 2)
    if not np.isfinite([whole, *without]).all():
        return Interval(ratio, 0.0, math.inf, len(arms), kind)
    found = t_interval(len(arms) * whole - (len(arms) - 1) * without, level=level)
    return Interval(ratio, math.exp(found.low / 2), math.exp(found.high / 2), len(arms), kind)


def _log_ratio(settings: NDArray[np.float64], seeds: NDArray[np.float64]) -> float:
    """Logarithm of the ratio of the variances; infinite or NaN where one or both are 0."""
    luck = (1 - 1 / seeds.shape[1]) * seeds.var(axis=1, ddof=1).mean()
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.log(settings.var(axis=1, ddof=1).mean()) - np.log(seeds.mean(axis=1).var(ddof=1) + luck))
