"""How many seeds would settle a comparison, if what was seen so far is how things are. A rough guide, not a promise."""

import math
from statistics import NormalDist

from statewise.metrics.intervals import LEVEL, newcombe

POWER = 0.8
"""Chance of a decision that an estimate aims at."""

FEWEST_SEEDS = 3
"""Fewer seeds than this decide nothing, however alike they are."""

CERTAIN = 30.0
"""A noncentrality that leaves no doubt; much larger ones overflow."""

MOST_SEEDS = 1000
"""Where more would be needed, nobody will run them."""


def seeds_for_difference(gap: float, deviation: float, *, level: float = LEVEL, power: float = POWER) -> int | None:
    """Seeds an arm for a paired t-interval that keeps clear of a bound, with the chance ``power``.

    The smallest n with ``P(T > t_(n-1, level)) >= power``, T noncentral t with n-1 degrees of freedom and
    noncentrality ``sqrt(n) gap / deviation``.

    Args:
        gap: how far the true difference lies from the bound (0, or the edge of the practical margin), at least 0.
        deviation: standard deviation of the paired differences.
        level: confidence of the interval.
        power: chance of clearing the bound.

    Returns:
        The number, or None if it is above ``MOST_SEEDS`` or cannot be known.

    >>> seeds_for_difference(gap=1.0, deviation=1.0)
    10
    """
    from scipy.special import nctdtr, stdtrit

    if deviation == 0 and gap > 0:
        return FEWEST_SEEDS
    if not (gap > 0 and 0 < deviation < math.inf):
        return None
    low, high = FEWEST_SEEDS - 1, MOST_SEEDS + 1
    while high - low > 1:
        n = (low + high) // 2
        shift = min(gap / deviation * math.sqrt(n), CERTAIN)
        missed = nctdtr(n - 1, shift, stdtrit(n - 1, (1 + level) / 2))
        low, high = (low, n) if 1 - missed >= power else (n, high)
    return high if high <= MOST_SEEDS else None


def seeds_for_fractions(
    p: float, q: float, *, margin: float = 0.0, level: float = LEVEL, power: float = POWER
) -> int | None:
    """Seeds an arm for a Newcombe interval of ``p - q`` that keeps clear of the margin, about ``power`` often.

    The smallest n whose interval at ``z_level + z_power`` standard errors around the present fractions holds neither
    edge of the margin.

    Returns:
        The number, or None if it is above ``MOST_SEEDS``.

    >>> seeds_for_fractions(1.0, 0.0) < seeds_for_fractions(0.8, 0.2) < seeds_for_fractions(0.6, 0.4)
    True
    """
    z = NormalDist().inv_cdf((1 + level) / 2) + NormalDist().inv_cdf(power)
    for n in range(FEWEST_SEEDS, MOST_SEEDS + 1):
        low, high = newcombe(p, n, q, n, z)
        if low > margin or high < -margin or (-margin <= low and high <= margin):
            return n
    return None
