"""Whether times that were measured are those of a machine that had something else to do."""

import time
from collections.abc import Iterable
from typing import NamedTuple

BUSY = 0.1
"""From this share of waiting on, a measured time is too long to be compared"""


class Clocks(NamedTuple):
    """What two clocks say at one moment."""

    wall: float
    """Seconds that pass whoever works"""
    processor: float
    """Seconds of work of this process, of all its threads"""


def read_clocks() -> Clocks:
    """Now."""
    return Clocks(time.perf_counter(), time.process_time())


def share_waited(spans: Iterable[tuple[Clocks, Clocks]]) -> float:
    """The share of the time in all spans, from a moment to a later one, in which a process with one thread had no
    processor, because others had it or it read a file.

    >>> share_waited([(Clocks(0.0, 0.0), Clocks(4.0, 4.0)), (Clocks(10.0, 4.0), Clocks(14.0, 6.0))])
    0.25
    """
    passed = worked = 0.0
    for begin, end in spans:
        passed += end.wall - begin.wall
        worked += end.processor - begin.processor
    return max(0.0, 1 - worked / passed) if passed else 0.0
