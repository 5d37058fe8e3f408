"""What tuning bought: the best so far by trial, and the best to be expected of so many trials."""

from collections import Counter
from collections.abc import Mapping

from markupsafe import Markup

from statewise.report.figures.figure import Figure, better, score_axis
from statewise.report.figures.plot import Axis, Plot, Point
from statewise.report.figures.style import Style
from statewise.report.formats import count
from statewise.report.scale import Scale
from statewise.report.schema.comparison import Arm, Comparison, Primary

_CROSS = "M-4,-4L4,4M-4,4L4,-4"


def tuning(data: Comparison, styles: Mapping[str, Style]) -> Figure:
    """Two plots against the number of trials."""
    title = "Tuning"
    so_far = {arm.label: best_so_far(arm, data.task.primary) for arm in data.arms}
    expected = {
        arm.label: [(float(point.trials), point.value) for point in arm.expected_best if point.value is not None]
        for arm in data.arms
    }
    if not any(so_far.values()):
        return Figure("tuning", title, "No tuning trial finished, or none was needed: settings are as configured.")
    most = max(len(arm.tuning) for arm in data.arms)
    if most < 2:
        return Figure("tuning", title, "One trial an arm, with its settings as configured: there is no choice to draw.")
    plots = [_plot(data, so_far, styles, "best so far", stepped=True)]
    caption = f"Validation {data.task.primary.name} by tuning trial. First: the best so far, in the order tried"
    caption += "; crosses at the foot: trials that failed. " if _failed(data) else ". "
    if max(len(points) for points in expected.values()) > 1:
        plots.append(_plot(data, expected, styles, "expected best", stepped=False))
        caption += "Second: the best to be expected of so many trials drawn at random; where lines cross, the "
        caption += "ranking depends on how long one tunes."
    return Figure("tuning", title, caption, tuple(plots), tuple(label for label, points in so_far.items() if points))


def best_so_far(arm: Arm, primary: Primary) -> list[Point]:
    """After each trial, counted from 1, the best validation score until then."""
    lead, points = better(primary), list[Point]()
    for number, trial in enumerate(arm.tuning, start=1):
        previous = points[-1][1] if points else None
        best = trial.valid if trial.status == "ok" else None
        if best is None or (previous is not None and not lead(best, previous)):
            best = previous
        if best is not None:
            points.append((float(number), best))
    return points


def _failed(data: Comparison) -> list[tuple[str, int]]:
    return [
        (arm.label, number)
        for arm in data.arms
        for number, trial in enumerate(arm.tuning, start=1)
        if trial.status != "ok"
    ]


def _plot(
    data: Comparison, lines: Mapping[str, list[Point]], styles: Mapping[str, Style], name: str, *, stepped: bool
) -> Markup:
    most = max(len(arm.tuning) for arm in data.arms)
    scale = Scale(0.7, most + 0.3)
    whole = [(tick, count(tick)) for tick in scale.ticks(8) if tick == int(tick)]
    heights = [y for points in lines.values() for _, y in points]
    up = score_axis(heights, data.task.primary, f"{name}, validation")
    plot = Plot(Axis(scale, "tuning trials", whole), up, reads_out=True)
    for label, points in lines.items():
        if len(points) > 1:
            plot.line(points, f"main {styles[label].css}", label, stepped=stepped)
        for x, y in points if len(points) == 1 else points[-1:]:
            plot.mark(x, y, styles[label], "", kind="small")
    heaps = Counter[int]()
    for label, number in _failed(data) if stepped else []:
        tip = f"{label}, trial {number}: failed"
        plot.sign(number, up.scale.low, _CROSS, f"cross {styles[label].css}", tip, lift=5 + 11 * heaps[number])
        heaps[number] += 1
    return plot.svg()
