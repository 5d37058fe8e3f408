"""What outputs score: named metrics, as sums that add up over batches of any size."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Scores(NamedTuple):
    """Sums over positions, so that scores of batches of any size add up exactly."""

    sums: Mapping[str, float]
    """Name of a metric -> its sum over what it is averaged over"""
    counts: Mapping[str, float]
    """Name of a metric -> how much it is averaged over"""


@dataclass(frozen=True)
class Metric:
    """How a score reads. A perfect one is 0 where lower is better, 1 where higher is."""

    name: str
    unit: str
    lower_is_better: bool

    @property
    def bounds(self) -> tuple[float, float]:
        """The lowest and the highest a score can be."""
        return (0.0, math.inf) if self.lower_is_better else (0.0, 1.0)

    @property
    def perfect(self) -> float:
        """The best a score can be."""
        return 0.0 if self.lower_is_better else 1.0

    def as_loss(self, score: float) -> float:
        """The score as something that is better when smaller.

        >>> Metric("accuracy", "fraction of bits", lower_is_better=False).as_loss(0.75)
        -0.75
        """
        return score if self.lower_is_better else -score


def add_scores(parts: Sequence[Scores]) -> dict[str, float]:
    """The mean of every metric over all batches.

    >>> add_scores([Scores({"loss": 4.0}, {"loss": 2.0}), Scores({"loss": 2.0}, {"loss": 1.0})])
    {'loss': 2.0}
    """
    names = parts[0].sums if parts else {}
    return {name: sum(p.sums[name] for p in parts) / max(sum(p.counts[name] for p in parts), 1e-12) for name in names}
