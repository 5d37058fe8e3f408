"""Seconds that a piece of work takes."""

import math
import time
from collections.abc import Callable

import torch

Work = Callable[[], object]

SHORTEST = 5e-3
"""Seconds that one measurement takes at least: shorter work is repeated within it"""


def seconds(work: Work, repeats: int, device: str) -> float:
    """Seconds of one run of ``work``, over ``repeats`` of them in a row after one that is not timed.

    That one finds its memory cold after whatever ran before. A GPU is waited for.
    """
    work()
    wait(device)
    began = time.perf_counter()
    for _ in range(repeats):
        work()
    wait(device)
    return (time.perf_counter() - began) / repeats


def repeats_of(work: Work, device: str) -> int:
    """How often to repeat ``work`` in one measurement, from its second run: the first may compile and allocate."""
    return max(1, math.ceil(SHORTEST / seconds(work, 1, device)))


def wait(device: str) -> None:
    """Until a GPU has done what it was given; a CPU has."""
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)
