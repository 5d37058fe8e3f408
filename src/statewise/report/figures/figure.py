"""A figure: one or more plots under one caption."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from statewise.report.figures.plot import Axis
from statewise.report.scale import Scale
from statewise.report.schema.comparison import Primary


@dataclass(frozen=True)
class Figure:
    """Plots that belong together. Without plots, ``caption`` says why there is nothing to see."""

    anchor: str
    title: str
    caption: str
    plots: tuple[Markup, ...] = ()
    key: tuple[str, ...] = ()
    """Labels of the arms that need a key to be told apart"""


def better(primary: Primary) -> Callable[[float, float], bool]:
    """Whether a first score is better than a second."""
    return (lambda a, b: a < b) if primary.lower_is_better else (lambda a, b: a > b)


def score_label(primary: Primary) -> str:
    """The name of a score axis: name, unit, and which way is good."""
    unit = f", {primary.unit}" if primary.unit else ""
    return f"{primary.name}{unit} ({'lower' if primary.lower_is_better else 'higher'} is better)"


def score_axis(values: Iterable[float], primary: Primary, what: str) -> Axis:
    """An axis for scores; logarithmic only for errors that span magnitudes, as an accuracy of 0 is near none of 1."""
    scale = Scale.over(values, wide=30.0 if primary.lower_is_better else math.inf, pad=0.07)
    return Axis.along(scale, f"{what} {score_label(primary)}")


def listed(words: Sequence[str]) -> str:
    """Words as a sentence lists them.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
