"""Score against what it costs, with the Pareto front marked."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from statewise.report.figures.figure import Figure, better, listed, score_axis
from statewise.report.figures.plot import LETTER, Axis, Plot, Point
from statewise.report.figures.reach import reach
from statewise.report.figures.style import Style
from statewise.report.formats import Column, compact, count, plain, size
from statewise.report.scale import Scale
from statewise.report.schema.comparison import Arm, Comparison, Primary

Box = tuple[float, float, float, float]
"""Left, top, right and bottom, in the units of a plot"""

ALIKE = 1.25
"""Up to this ratio of the largest to the smallest, costs that a budget made equal differ by rounding alone"""
_RING = "M-8.5,0A8.5,8.5 0 1 1 8.5,0A8.5,8.5 0 1 1 -8.5,0Z"


@dataclass(frozen=True)
class _Cost:
    """Something that an arm costs."""

    name: str
    """As a budget is matched on it, and as captions say it"""
    label: str
    of: Callable[[Arm], float | None]
    text: Callable[[float], str]


def costs(data: Comparison, styles: Mapping[str, Style], column: Column) -> Figure:
    """Three plots: state bytes, parameters of the body, measured latency of a step."""
    plots, fronts, alike, shown = [], [], "", dict[str, Point]()
    for cost in _COSTS:
        known = {
            arm.label: (value, arm.score.mean) for arm in data.arms if arm.score and (value := cost.of(arm)) is not None
        }
        if not known:
            continue
        shown |= known
        if data.budget and data.budget.match == cost.name and _are_alike([value for value, _ in known.values()]):
            alike = f"The budget made {cost.name} equal but for rounding, so that no front is marked by them. "
            front = []
        else:
            front = pareto_front(known, data.task.primary)
            fronts.append(f"by {cost.name}, {listed(front)}")
        plots.append(_plot(data, styles, known, front, cost, column))
    if not plots:
        return Figure("costs", "Score against cost", "No arm has both a score and a counted or measured cost.")
    caption = (
        f"Mean test {data.task.primary.name}, with its interval as far as the figure goes, against what it costs. "
    )
    if fronts:
        caption += (
            f"Ringed and joined: the Pareto front, arms that no other beats without costing more: {'; '.join(fronts)}. "
        )
    caption += alike
    if any(_latency(arm) is not None for arm in data.arms):
        caption += "Latency was measured on one machine and differs from run to run; the other costs are counted."
        busy = [arm.label for arm in data.arms if arm.cost.busy]
        caption += f" While {listed(busy)} {'was' if len(busy) == 1 else 'were'} measured, it was busy." if busy else ""
    return Figure("costs", "Score against cost", caption, tuple(plots), tuple(shown))


def body_parameters(arm: Arm) -> int | None:
    """Trained and fixed parameters of the body together: what a budget of parameters counts."""
    counts = arm.cost.parameters
    if counts.body is None and counts.fixed is None:
        return None
    return (counts.body or 0) + (counts.fixed or 0)


def pareto_front(known: Mapping[str, Point], primary: Primary) -> list[str]:
    """Labels of the (cost, score) that no other point dominates, cheapest first.

    A point dominates another where it costs no more and scores no worse, and differs in one of them.
    """
    lead = better(primary)

    def dominated(point: Point) -> bool:
        return any(
            cost <= point[0] and not lead(point[1], score) and (cost, score) != point for cost, score in known.values()
        )

    return sorted((label for label, point in known.items() if not dominated(point)), key=lambda label: known[label][0])


def _state_bytes(arm: Arm) -> float | None:
    return arm.cost.state_bytes


def _latency(arm: Arm) -> float | None:
    return arm.cost.step_latency_us


_COSTS = (
    _Cost("state", "state bytes of one row", _state_bytes, size),
    _Cost("parameters", "parameters of the body, trained and fixed", body_parameters, compact),
    _Cost("latency", "measured latency of a step, µs", _latency, plain),
)


def _are_alike(values: Collection[float]) -> bool:
    return max(values) <= ALIKE * min(values)


def _plot(
    data: Comparison,
    styles: Mapping[str, Style],
    known: Mapping[str, Point],
    front: Sequence[str],
    cost: _Cost,
    column: Column,
) -> Markup:
    values = [value for value, _ in known.values()]
    if _are_alike(values):
        values += [min(values) / ALIKE, max(values) * ALIKE]
    scale = Scale.over(values, wide=8.0, pad=0.12)
    across = Axis(scale, cost.label, [(tick, cost.text(tick)) for tick in scale.ticks(5, binary=cost.text is size)])
    ends = {arm.label: (arm.score.low, arm.score.high) for arm in data.arms if arm.score and arm.label in known}
    bounds = [end for pair in ends.values() for end in pair if end is not None]
    up = score_axis(reach([score for _, score in known.values()], bounds), data.task.primary, "test")
    plot = Plot(across, up)
    for label, (low, high) in ends.items():
        if low is not None and high is not None:
            inside = [(known[label][0], min(max(end, up.scale.low), up.scale.high)) for end in (low, high)]
            plot.line(inside, f"whisker {styles[label].css}", "")
    corners = plot.line([known[label] for label in front], "front", "Pareto front", stepped=True)
    for label, (value, score) in known.items():
        tip = f"{label}: {column(score)} at {cost.text(value) if cost.text is size else count(value)}"
        if label in front:
            plot.sign(value, score, _RING, f"ring {styles[label].css}", tip)
        plot.mark(value, score, styles[label], tip)
    _name_points(plot, known, styles, corners)
    return plot.svg()


def _name_points(plot: Plot, known: Mapping[str, Point], styles: Mapping[str, Style], corners: Sequence[Point]) -> None:
    """Write labels where they hide neither points, the front nor each other; the key names those without room."""
    centres = [(plot.px(x), plot.py(y)) for x, y in known.values()]
    taken = [(x - 9, y - 9, x + 9, y + 9) for x, y in centres]
    taken += [(min(a, c) - 3, min(b, d) - 3, max(a, c) + 3, max(b, d) + 3) for (a, b), (c, d) in pairwise(corners)]
    for label, (x, y) in zip(known, centres, strict=True):
        wide = LETTER * len(styles[label].short)
        for at, base, anchor in _beside(x, y):
            left = {"start": at, "middle": at - wide / 2, "end": at - wide}[anchor]
            box = (left, base - 9, left + wide, base + 2)
            inside = plot.left <= box[0] and box[2] <= plot.right and plot.top <= box[1] and box[3] <= plot.bottom
            if inside and not any(_meet(box, other) for other in taken):
                plot.write(at, base, styles[label].short, f"label {anchor} {styles[label].css}")
                taken.append(box)
                break


def _beside(x: float, y: float) -> Iterator[tuple[float, float, str]]:
    """Where a label may stand, and which part of it, the usual places first."""
    yield from ((x + 13, y + 4, "start"), (x + 8, y - 12, "start"), (x - 13, y + 4, "end"), (x - 8, y - 12, "end"))
    yield from ((x + 8, y + 19, "start"), (x - 8, y + 19, "end"), (x, y + 22, "middle"), (x, y - 14, "middle"))


def _meet(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
