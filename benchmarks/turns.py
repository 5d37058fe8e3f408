"""Pieces of work that take turns, so that a busy machine slows all of them: where figures of benchmarks come from."""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

Work = Callable[[], object]

WARM_UP = 2
"""Rounds that do not count"""


class Taken(NamedTuple):
    """Medians over the rounds."""

    seconds: list[float]
    """Of each piece of work"""
    ratios: list[float]
    """The first one's time by that of each other"""


def training(module: nn.Module, run: Callable[[], Tensor]) -> Work:
    """Forward and back: the gradients of all weights of a module from what ``run`` puts out."""

    def work() -> None:
        module.zero_grad()
        run().sum().backward()

    return work


def take_turns(works: Sequence[Work], rounds: int, device: str = "cpu") -> Taken:
    """Run all of them in every round, in every other one in reverse.

    On a CPU time is the processor's, which leaves out what other processes take; for a GPU the wall clock's, until it
    is done.

    >>> taken = take_turns([lambda: sum(range(2000)), lambda: sum(range(2000))], rounds=3)
    >>> len(taken.seconds), len(taken.ratios)
    (2, 1)
    """
    taken: list[list[float]] = [[] for _ in works]
    for number in range(-WARM_UP, rounds):
        pairs = list(zip(works, taken, strict=True))
        for work, times in pairs if number % 2 else reversed(pairs):
            seconds = _seconds(work, device)
            if number >= 0:
                times.append(seconds)
    first, *others = taken
    ratios = [statistics.median(one / other for one, other in zip(first, times, strict=True)) for times in others]
    return Taken([statistics.median(times) for times in taken], ratios)


def _seconds(work: Work, device: str) -> float:
    clock = time.process_time if device == "cpu" else time.perf_counter
    start = clock()
    work()
    if device != "cpu":
        torch.cuda.synchronize(device)
    return clock() - start
