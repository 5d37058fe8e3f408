"""Numbers that stand for what is missing, such as -999: told of, and never changed."""

import re
from collections.abc import Iterator, Sequence

import numpy as np

from statewise.errors import listed

FAR = 5.0
"""A value is far outside where it is this many times the range of all others away from them"""
DISTINCT = 10
"""Other values that a column has at least, for their range to say much"""
NINES = re.compile(r"-?99+(\.9+)?")
"""What is hardly ever measured and often marks what is missing, so that its distance may be the range itself"""


def about_sentinels(columns: Sequence[str], values: np.ndarray) -> list[str]:
    """A warning of every value that is repeated in a column of ``values (N, D)``, far outside of all others in it.

    >>> (warning,) = about_sentinels(["wind"], np.array([*range(20), -999.0, -999.0])[:, None])
    >>> warning.partition(";")[0]
    'warning: -999 stands 2 times in wind, far outside of all else there'
    """
    found: dict[float, list[int]] = {}
    for place, column in enumerate(values.T):
        for value in sentinels(column):
            found.setdefault(value, []).append(place)
    return [
        f"warning: {value:.10g} stands {(values[:, places] == value).sum():,} times in "
        f"{listed([columns[place] for place in places])}, far outside of all else there; if it marks what is missing, "
        "fill or drop these rows first, as models take it for a number"
        for value, places in found.items()
    ]


def sentinels(column: np.ndarray) -> Iterator[float]:
    """The values of a column that are repeated, larger in size than all others and far outside of them.

    >>> list(sentinels(np.array([*range(20), 9999.0, 9999.0, 1e30, 1e30])))
    [1e+30, 9999.0]
    """
    while len(column):
        value = float(max(column.min(), column.max(), key=abs))
        others = column[column != value]
        if len(column) - len(others) < 2 or not _far_outside(value, others):
            return
        yield value
        column = others


def _far_outside(value: float, others: np.ndarray) -> bool:
    if not len(others):
        return False
    low, high = others.min(), others.max()
    distance, range_ = min(abs(value - low), abs(value - high)), high - low
    if NINES.fullmatch(f"{value:.10g}"):
        return bool(distance >= range_)
    return bool(distance >= FAR * range_) and len(np.unique(others)) >= DISTINCT
