"""Equal tuning: every arm gets the same number of quasi-random settings."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from statewise.compare.workbench import KnobLike


@dataclass(frozen=True)
class _Rate:
    name: str = "learning_rate"
    low: float = 1e-4
    high: float = 3e-2
    scale: str = "log"


LEARNING_RATE = _Rate()
"""Tuned in every arm, over two and a half decades"""


def settings(knobs: Sequence[KnobLike], trials: int, *, default_rate: float, seed: int = 0) -> list[dict[str, Any]]:
    """``trials`` settings of the knobs, or one where nothing is left to tune.

    The first is the defaults; the others are a scrambled Sobol sequence (Sobol 1967), which fills the space evenly for
    any number of trials.

    Args:
        knobs: what is tuned (``LEARNING_RATE`` and a kind's own).
        trials: how many settings.
        default_rate: learning rate of the first.
        seed: of the scrambling.
    """
    found: list[dict[str, Any]] = [{k.name: default_rate for k in knobs if k.name == LEARNING_RATE.name}]
    if trials > 1 and knobs:
        from scipy.stats import qmc

        sobol = qmc.Sobol(len(knobs), scramble=True, rng=seed)
        points = sobol.random_base2(math.ceil(math.log2(trials)))[: trials - 1]
        found += [{k.name: _between(u, k) for k, u in zip(knobs, point, strict=True)} for point in points]
    return found


def on_the_edge(rate: float) -> bool:
    """Whether the chosen learning rate lies so near the end of the range that a better one may lie outside."""
    low, high = math.log(LEARNING_RATE.low), math.log(LEARNING_RATE.high)
    place = (math.log(rate) - low) / (high - low)
    return place < 0.05 or place > 0.95


def _between(u: float, knob: KnobLike) -> float | int:
    """Where ``u`` in [0, 1) lies in a knob's range, to three significant digits."""
    value = knob.low + u * (knob.high - knob.low)
    if knob.scale == "log":
        value = math.exp(math.log(knob.low) + u * (math.log(knob.high) - math.log(knob.low)))
    return round(value) if knob.scale == "integer" else float(f"{value:.3g}")
