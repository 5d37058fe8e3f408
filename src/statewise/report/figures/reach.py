"""What an axis should cover, so that a value far away does not squeeze all others into a corner."""

from collections.abc import Sequence

SHARE = 0.45
"""The part of an axis that what it is about fills at least"""


def reach(core: Sequence[float], bounds: Sequence[float]) -> list[float]:
    """The values an axis should cover: all of ``core``, and interval ends as far as its span beyond.

    The interval of two seeds may be a hundred times as wide as what was seen; the axis must not follow it.

    >>> reach([0.0, 1.0], [-9.0, 1.2])
    [0.0, 1.0, -1.0, 1.2]
    """
    low, high = min(core), max(core)
    spare = high - low or abs(high) / 10 or 1.0
    floor = max(low - spare, low / 2) if low > 0 else low - spare
    return [*core, *(min(max(bound, floor), high + spare) for bound in bounds)]


def with_near(core: Sequence[float], others: Sequence[float]) -> list[float]:
    """``core`` and those of ``others``, nearest first, beside which it still fills ``SHARE`` of the axis.

    Where all of ``core`` is one value there is nothing to squeeze, and all are covered.

    >>> with_near([2.4, 3.0], [2.2, 4.1])
    [2.4, 3.0, 2.2]
    """
    low, high = min(core), max(core)
    known = list(core)
    for other in sorted(others, key=lambda value: max(low - value, value - high)):
        span = max(*known, other) - min(*known, other)
        if high - low >= SHARE * span or high == low:
            known.append(other)
    return known
