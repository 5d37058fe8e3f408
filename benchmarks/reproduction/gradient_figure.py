"""Gradients by lag as a figure: a plot a model, at the start and trained, with their bounds."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import torch
from sheet import Sample, sheet
from torch import Tensor

from statewise.report.figures.plot import Axis, Plot, Point
from statewise.report.scale import Scale

HEIGHT = 230.0
LOWEST, HIGHEST = 1e-8, 1e4
STROKE = "M-8,0H10"
COLOURS = ("c0", "c1")
"""Of a model at the start, and trained"""


class Curves(Protocol):
    """What is drawn of one seed, by lag."""

    @property
    def largest(self) -> Tensor: ...

    @property
    def bound(self) -> Tensor: ...


def figure(found: Mapping[str, Mapping[str, Sequence[Curves]]], lags: int, vanished: float) -> str:
    """A plot for each model of ``found``: model -> when -> a seed after the other."""
    names = list(dict.fromkeys(when for arms in found.values() for when in arms))
    samples = [Sample(STROKE, f"line {css}", f"{when}") for when, css in zip(names, COLOURS, strict=True)]
    samples += [
        Sample(STROKE, f"line dashed {css}", f"bound, {when}") for when, css in zip(names, COLOURS, strict=True)
    ]
    return sheet(samples, [_plot(name, arms, lags, vanished) for name, arms in found.items()], height=HEIGHT)


def _plot(name: str, arms: Mapping[str, Sequence[Curves]], lags: int, vanished: float) -> Plot:
    across = Scale(0.0, float(lags))
    up = Scale(LOWEST, HIGHEST, log=True)
    ticks = [(10.0**power, f"1e{power}") for power in range(-8, 5, 2)]
    plot = Plot(
        Axis(across, "steps back", [(tick, f"{tick:g}") for tick in across.ticks()]),
        Axis(up, f"{name}: norm of the gradient", ticks),
        height=HEIGHT,
    )
    plot.level(vanished, f"{100 * vanished:g} %")
    for (when, seeds), css in zip(arms.items(), COLOURS, strict=True):
        for seed in seeds:
            plot.line(_points(seed.largest, up), f"faint {css}", when)
        plot.line(_points(_middle([seed.bound for seed in seeds]), up), f"dashed {css}", f"bound, {when}")
        plot.line(_points(_middle([seed.largest for seed in seeds]), up), css, when)
    return plot


def _middle(curves: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(curves)).median(dim=0).values


def _points(by_lag: Tensor, up: Scale) -> list[Point]:
    """Up to where the curve leaves the plot."""
    points: list[Point] = []
    for lag, norm in enumerate(by_lag.tolist()):
        if not up.holds(norm):
            break
        points.append((float(lag), norm))
    return points
