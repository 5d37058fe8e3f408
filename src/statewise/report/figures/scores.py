"""Scores with intervals and every seed's point; on tasks that are solved or not, the fraction that solved them."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from statewise.report.figures.figure import Figure, score_axis
from statewise.report.figures.plot import Axis, Plot
from statewise.report.figures.reach import reach, with_near
from statewise.report.figures.rows import ARROWS, draw_interval, rows_plot
from statewise.report.figures.style import Style, shorten
from statewise.report.formats import Column, percent
from statewise.report.scale import Scale
from statewise.report.schema.comparison import Arm, Comparison

_STROKE = "M0,-7V7"
_HALF = 0.5
"""The part of an axis from which on a value is written on its left"""


def scores(data: Comparison, arms: Sequence[Arm], styles: Mapping[str, Style], column: Column) -> Figure:
    """One row an arm, in the order given, the references below."""
    shown = [arm for arm in arms if arm.score]
    if not shown:
        return Figure("scores", "Scores", "No arm was scored on the test split.")
    plots = (_score_plot(data, shown, styles, column), _solved_plot(shown, styles))
    kinds = "; ".join({arm.score.kind: None for arm in shown if arm.score and arm.score.kind})
    caption = (
        f"Test {data.task.primary.name} of every arm. Large marks: mean over the seeds; bars: its interval"
        f"{f' ({kinds})' if kinds else ''}, an arrow where it goes on outside the figure; small open marks: every "
        "seed. "
    )
    if references(data):
        caption += "Dotted lines: what needs no model; an arrow beside its score where that lies outside the figure. "
    caption += _test_noise(shown, column)
    caption += _solved_caption(shown)
    return Figure("scores", "Scores", caption, tuple(plot for plot in plots if plot))


def references(data: Comparison) -> list[tuple[str, float]]:
    """Names and scores of what needs no model, best first: the baselines, and chance unless one of them equals it."""
    found = [(baseline.name, baseline.score) for baseline in data.baselines if baseline.score is not None]
    primary = data.task.primary
    if primary.chance is not None and all(abs(score - primary.chance) > 1e-9 for _, score in found):
        found.append((primary.chance_label, primary.chance))
    return sorted(found, key=lambda reference: reference[1], reverse=not primary.lower_is_better)


def _score_plot(data: Comparison, shown: Sequence[Arm], styles: Mapping[str, Style], column: Column) -> Markup:
    below = references(data)
    across = _score_axis(data, shown, [score for _, score in below])
    plot = rows_plot([styles[arm.label].short for arm in shown] + [shorten(name, 22) for name, _ in below], across)
    _draw_references(plot, across.scale, below, len(shown), column)
    for row, arm in enumerate(shown):
        style = styles[arm.label]
        for seed in arm.seeds:
            if seed.test is not None:
                tip = f"{arm.label}, seed {seed.seed}: {column(seed.test)}"
                plot.mark(seed.test, row, style, tip, kind="point", drop=7.0)
    for row, arm in enumerate(shown):
        if arm.score:
            told = f"{arm.label}: {column(arm.score.mean)} {column.interval(arm.score.low, arm.score.high)}"
            draw_interval(plot, across.scale, row, styles[arm.label], (arm.score.low, arm.score.high))
            plot.mark(arm.score.mean, row, styles[arm.label], f"{told}, n = {arm.score.n}")
    return plot.svg()


def _score_axis(data: Comparison, shown: Sequence[Arm], below: Sequence[float]) -> Axis:
    """As wide as the arms need, and the references that are near them."""
    core = [seed.test for arm in shown for seed in arm.seeds if seed.test is not None]
    core += [arm.score.mean for arm in shown if arm.score]
    bounds = [bound for arm in shown if arm.score for bound in (arm.score.low, arm.score.high) if bound is not None]
    return score_axis(with_near(reach(core, bounds), below), data.task.primary, "test")


def _draw_references(plot: Plot, scale: Scale, below: Sequence[tuple[str, float]], first: int, column: Column) -> None:
    """A dotted line through all rows above and the score beside it; at the edge an arrow where it lies outside."""
    inside = [(row, name, score) for row, (name, score) in enumerate(below, first) if scale.holds(score)]
    for row, name, score in inside:
        plot.upright(score, row, -0.5)
        plot.sign(score, row, _STROKE, "stroke", f"{name}: {column(score)}")
    for row, (name, score) in enumerate(below, first):
        place = min(max(score, scale.low), scale.high)
        if place != score:
            side = -1 if score < scale.low else 1
            plot.sign(place, row, ARROWS[side], "stroke beyond", f"{name}: {column(score)}, outside the figure")
        plot.beside(place, row, column(score), left=scale.place(place) > _HALF)


def _solved_plot(shown: Sequence[Arm], styles: Mapping[str, Style]) -> Markup | None:
    if not any(arm.solved for arm in shown):
        return None
    ticks = [(fraction, percent(fraction)) for fraction in (0.0, 0.25, 0.5, 0.75, 1.0)]
    across = Axis(Scale(-0.05, 1.05), "seeds that solved the task", ticks)
    plot = rows_plot([styles[arm.label].short for arm in shown], across)
    for row, arm in enumerate(shown):
        if arm.solved:
            draw_interval(plot, across.scale, row, styles[arm.label], (arm.solved.low, arm.solved.high))
            plot.mark(arm.solved.fraction, row, styles[arm.label], f"{arm.label}: {percent(arm.solved.fraction)}")
    return plot.svg()


def _test_noise(shown: Sequence[Arm], column: Column) -> str:
    """How far the choice of test examples alone may move a mean."""
    errors = [arm.score.test_error for arm in shown if arm.score and arm.score.test_error is not None]
    return (
        f"The choice of test examples alone gives a mean a standard error of up to {column(max(errors))}. "
        if errors
        else ""
    )


def _solved_caption(shown: Sequence[Arm]) -> str:
    solved = [arm.solved for arm in shown if arm.solved]
    if not solved:
        return ""
    kinds = ", ".join({one.kind: None for one in solved if one.kind})
    return f"Second plot: the fraction of the seeds that solved the task, with its interval{kinds and f' ({kinds})'}. "
