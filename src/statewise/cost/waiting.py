"""Whether times that were measured are those of a machine that had something else to do."""

import time
from collections.abc import Iterable
from typing import NamedTuple

import torch

BUSY = 0.1
"""From this share of waiting on, a measured time is too long to be compared"""


class Clocks(NamedTuple):
    """What two clocks say at one moment."""

    wall: float
    """Seconds that pass whoever works"""
    processor: float
    """Seconds of work of this process, of all its threads"""


class Waiting(NamedTuple):
    """What of some time was waiting for the processor."""

    share: float | None
    """``None`` where that is not known"""
    busy: bool
    """Whether it is so much that times are too bad to be compared"""


def read_clocks() -> Clocks:
    """Now."""
    return Clocks(time.perf_counter(), time.process_time())


def waiting(spans: Iterable[tuple[Clocks, Clocks]], device: str) -> Waiting:
    """Of all spans, each from a moment to a later one.

    Of a GPU, for which a process waits, and of several threads, which one clock adds up, nothing is known.
    """
    if torch.device(device).type != "cpu" or torch.get_num_threads() > 1:
        return Waiting(None, busy=False)
    share = share_waited(spans)
    return Waiting(share, share > BUSY)


def share_waited(spans: Iterable[tuple[Clocks, Clocks]]) -> float:
    """The share of the time in all spans in which a process with one thread had no processor: others had it, or it
    waited for a file.

    >>> share_waited([(Clocks(0.0, 0.0), Clocks(4.0, 4.0)), (Clocks(10.0, 4.0), Clocks(14.0, 6.0))])
    0.25
    """
    passed = worked = 0.0
    for begin, end in spans:
        passed += end.wall - begin.wall
        worked += end.processor - begin.processor
    return max(0.0, 1 - worked / passed) if passed else 0.0
