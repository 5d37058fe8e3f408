"""Equal tuning: every arm gets the same number of quasi-random settings."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from statewise.compare.builders import KnobLike

RATE = "train.learning_rate"
RATE_RANGE = (1e-4, 3e-2)
"""Two and a half decades, the same for every arm"""
EDGE = 0.05
"""A learning rate this near to an end of its range, as a fraction of it, may have a better one outside"""


@dataclass(frozen=True)
class Dimension:
    """A field that tuning varies, and over which range."""

    field: str
    """Full name, such as ``layer.forget_bias``"""
    low: float
    high: float
    scale: str = "linear"
    """``linear``, ``log`` or ``integer``"""

    def at(self, u: float) -> float | int:
        """Where ``u`` in [0, 1) lies in the range, to three significant digits.

        >>> Dimension(RATE, 1e-4, 1e-2, "log").at(0.5)
        0.001
        """
        if self.scale == "log":
            value = math.exp(math.log(self.low) + u * (math.log(self.high) - math.log(self.low)))
        else:
            value = self.low + u * (self.high - self.low)
        return round(value) if self.scale == "integer" else float(f"{value:.3g}")


def search_space(
    knobs: Sequence[KnobLike], options: Collection[str], decided: Collection[str], *, closed_form: bool
) -> list[Dimension]:
    """What is left to tuning: the learning rate and a kind's own knobs, save what a person decided.

    Args:
        knobs: of the kind of model; each an option of the layer where it has one of that name, else of the training.
        options: of the layer.
        decided: full names of fields that were set or vary.
        closed_form: whether the readout is solved, so that there is no learning rate.
    """
    rate = [] if closed_form else [Dimension(RATE, *RATE_RANGE, "log")]
    own = [Dimension(f"{'layer' if k.name in options else 'train'}.{k.name}", k.low, k.high, k.scale) for k in knobs]
    return [dimension for dimension in (*rate, *own) if dimension.field not in decided]


def settings(
    space: Sequence[Dimension], trials: int, *, configured: Mapping[str, Any], seed: int = 0
) -> list[dict[str, Any]]:
    """``trials`` settings, full name of a field -> value; or one, of no field, where nothing is left to tune.

    The first is what is configured; the others are a scrambled Sobol sequence (Sobol 1967), which fills the space
    evenly for any number of trials.

    Args:
        space: what is tuned.
        trials: how many settings.
        configured: field -> its value before tuning.
        seed: of the scrambling.
    """
    found = [{dimension.field: configured[dimension.field] for dimension in space}]
    if trials > 1 and space:
        from scipy.stats import qmc

        sobol = qmc.Sobol(len(space), scramble=True, rng=seed)
        points = sobol.random_base2(math.ceil(math.log2(trials)))[: trials - 1]
        found += [{d.field: d.at(u) for u, d in zip(point, space, strict=True)} for point in points]
    return found


def edge_of(rate: float) -> str | None:
    """``lower`` or ``upper`` where a learning rate lies so near that end of the range that a better may lie outside.

    >>> edge_of(2.9e-2), edge_of(3e-3)
    ('upper', None)
    """
    low, high = (math.log(end) for end in RATE_RANGE)
    place = (math.log(rate) - low) / (high - low)
    return "lower" if place < EDGE else "upper" if place > 1 - EDGE else None
