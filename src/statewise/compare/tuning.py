"""Equal tuning: every arm gets the same number of quasi-random settings."""

import math
from collections.abc import Sequence
from typing import Any

from statewise.compare.workbench import KnobLike

LEARNING_RATES = (1e-4, 3e-2)
"""Lowest and highest learning rate that is tried: two and a half decades"""


def settings(knobs: Sequence[KnobLike], trials: int, *, default_rate: float, seed: int = 0) -> list[dict[str, Any]]:
    """``trials`` settings of the learning rate and the knobs.

    The first is the defaults; the others are a scrambled Sobol sequence (Sobol 1967), which fills the space evenly for
    any number of trials.
    """
    found: list[dict[str, Any]] = [{"learning_rate": default_rate}]
    if trials > 1:
        from scipy.stats import qmc

        sobol = qmc.Sobol(1 + len(knobs), scramble=True, rng=seed)
        points = sobol.random_base2(math.ceil(math.log2(trials)))[: trials - 1]
        found += [_setting(point, knobs) for point in points]
    return found


def on_the_edge(rate: float) -> bool:
    """Whether the chosen learning rate lies so near the end of the range that a better one may lie outside."""
    low, high = (math.log(bound) for bound in LEARNING_RATES)
    place = (math.log(rate) - low) / (high - low)
    return place < 0.05 or place > 0.95


def _setting(point: Sequence[float], knobs: Sequence[KnobLike]) -> dict[str, Any]:
    setting: dict[str, Any] = {"learning_rate": _between(point[0], *LEARNING_RATES, "log")}
    for knob, u in zip(knobs, point[1:], strict=True):
        setting[knob.name] = _between(u, knob.low, knob.high, knob.scale)
    return setting


def _between(u: float, low: float, high: float, scale: str) -> float | int:
    """Where ``u`` in [0, 1) lies between two bounds, to three significant digits."""
    value = low + u * (high - low)
    if scale == "log":
        value = math.exp(math.log(low) + u * (math.log(high) - math.log(low)))
    return round(value) if scale == "integer" else float(f"{value:.3g}")
