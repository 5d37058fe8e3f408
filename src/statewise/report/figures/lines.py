"""Lines of every seed and their median, as learning curves and scores by length show them."""

import statistics
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from statewise.report.figures.plot import Plot, Point
from statewise.report.figures.style import Style

MOST = 200
"""Points drawn of a line; a page of ten thousand would be slow and look the same"""

_FEW = 12
"""Up to so many points, each of a median gets a marker; beyond, its end does"""


class Strands(NamedTuple):
    """The lines of one arm."""

    whole: list[list[Point]]
    """Of seeds that finished"""
    broken: list[list[Point]]
    """Of seeds that failed on the way"""


Bundle = Mapping[str, Strands]
"""Strands for each arm's label"""


def flat(bundle: Bundle) -> list[Point]:
    """All points of all lines."""
    return [point for strands in bundle.values() for lines in strands for line in lines for point in line]


def draw_bundle(plot: Plot, bundle: Bundle, styles: Mapping[str, Style]) -> None:
    """Draw every seed's line thin, and bold the median over those of each arm that finished."""
    for label, (whole, broken) in bundle.items():
        for line in (*whole, *broken) if len(whole) != 1 or broken else ():
            plot.line(thin(line), f"seed {styles[label].css}", "")
    for label, (whole, _) in bundle.items():
        middle = thin(median(whole))
        if len(middle) > 1:
            plot.line(middle, f"main {styles[label].css}", label)
        for x, y in middle if len(middle) <= _FEW else middle[-1:]:
            plot.mark(x, y, styles[label], "", kind="small")


def median(lines: Sequence[Sequence[Point]]) -> list[Point]:
    """The median height wherever every line has a point, so that none joins or leaves on the way.

    >>> median([[(1, 5.0), (2, 1.0)], [(1, 3.0), (2, 2.0)], [(1, 4.0)]])
    [(1, 4.0)]
    """
    heights: dict[float, list[float]] = {}
    for line in lines:
        for x, y in line:
            heights.setdefault(x, []).append(y)
    return [(x, statistics.median(ys)) for x, ys in sorted(heights.items()) if len(ys) == len(lines)]


def thin(line: Sequence[Point], most: int = MOST) -> list[Point]:
    """At most ``most`` points of a line: its ends, and the lowest and the highest of every stretch between.

    >>> len(thin([(float(i), float(i % 7)) for i in range(10_000)], most=100))
    100
    """
    if len(line) <= most:
        return list(line)
    stretches = max(1, (most - 2) // 2)
    inner = line[1:-1]
    edges = [len(inner) * index // stretches for index in range(stretches + 1)]
    kept = [line[0]]
    for start, stop in pairwise(edges):
        stretch = inner[start:stop]
        kept += sorted({min(stretch, key=lambda p: p[1]), max(stretch, key=lambda p: p[1])})
    return [*kept, line[-1]]
