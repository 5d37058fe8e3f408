"""How long training takes, apart from what a first call compiles."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

NEIGHBOURS = 20
"""Updates of which the usual time is taken; what they cost may change over a training, as by a curriculum"""


class Clock:
    """Times updates; the time of neighbours is their number times the usual one, the median.

    So what happens once is left out: loops that the first update to need them compiles, a pause of the machine.

    >>> clock = Clock()
    >>> clock.times = [9.0, 0.25, 0.5, 0.25]
    >>> clock.seconds
    1.5
    """

    def __init__(self) -> None:
        self.times: list[float] = []

    @contextmanager
    def running(self) -> Iterator[None]:
        """Around one update."""
        began = time.perf_counter()
        yield
        self.times.append(time.perf_counter() - began)

    @property
    def seconds(self) -> float:
        """The time of all updates."""
        parts = (self.times[first : first + NEIGHBOURS] for first in range(0, len(self.times), NEIGHBOURS))
        return sum(len(part) * median(part) for part in parts)
