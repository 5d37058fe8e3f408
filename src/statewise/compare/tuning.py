"""Equal tuning: every arm gets the same number of quasi-random settings."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, Literal

from statewise.contract import Knob
from statewise.models.config import ModelConfig

Edge = Literal["lower", "upper"]

RATE = "train.learning_rate"
FURTHER = 2
"""Trials that every arm gets on top where one's best learning rate is at an end of the range"""
DECADE = 10.0
"""By how much these may go beyond it"""
EDGE = 0.05
"""A learning rate this near to an end of its range, as a fraction of it, may have a better one outside"""


def search_space(
    knobs: Sequence[Knob],
    options: Collection[str],
    decided: Collection[str],
    *,
    rates: tuple[float, float] | None,
) -> list[Knob]:
    """What is left to tuning, by full names: the learning rate and a kind's own knobs, save what a person decided.

    Args:
        knobs: of the kind of model; each an option of the layer where it has one of that name, else a field
            of the model, else of the training.
        options: of the layer.
        decided: full names of fields that were set or vary.
        rates: range of the learning rate; None = there is none, as the readout is solved.
    """
    rate = [Knob(RATE, *rates, "log")] if rates else []
    parts = {**{field.name: "model" for field in fields(ModelConfig)}, **dict.fromkeys(options, "layer")}
    own = [replace(knob, name=f"{parts.get(knob.name, 'train')}.{knob.name}") for knob in knobs]
    return [knob for knob in (*rate, *own) if knob.name not in decided]


def settings(
    space: Sequence[Knob], trials: int, *, configured: Mapping[str, Any], seed: int = 0
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
    found = [{knob.name: configured[knob.name] for knob in space}]
    if trials > 1 and space:
        from scipy.stats import qmc

        sobol = qmc.Sobol(len(space), scramble=True, rng=seed)
        points = sobol.random_base2(math.ceil(math.log2(trials)))[: trials - 1]
        found += [{knob.name: knob.at(u) for u, knob in zip(point, space, strict=True)} for point in points]
    return found


def edge_of(rate: float, tried: Collection[float], rates: tuple[float, float]) -> Edge | None:
    """``lower`` or ``upper`` where the best learning rate is the outermost tried, at that end of the range or beyond.

    >>> edge_of(2.9e-2, [1e-3, 2.9e-2], (1e-4, 3e-2)), edge_of(2.9e-2, [2.9e-2, 9e-2], (1e-4, 3e-2))
    ('upper', None)
    """
    low, high = (math.log(end) for end in rates)
    place = (math.log(rate) - low) / (high - low)
    if place < EDGE and rate <= min(tried):
        return "lower"
    return "upper" if place > 1 - EDGE and rate >= max(tried) else None


def beyond(rate: float, edge: Edge) -> list[float]:
    """The learning rates that further trials try, up to a decade beyond the best one, evenly on a logarithmic axis.

    >>> beyond(0.01, "upper")
    [0.0316, 0.1]
    """
    step = DECADE ** (1 / FURTHER if edge == "upper" else -1 / FURTHER)
    return [float(f"{rate * step**number:.3g}") for number in range(1, FURTHER + 1)]
