"""Score against what it costs, with the Pareto front marked."""

from collections.abc import Callable, Mapping, Sequence

from markupsafe import Markup

from statewise.report.figures.figure import Figure, better, listed, score_axis
from statewise.report.figures.plot import LETTER, Axis, Plot, Point
from statewise.report.figures.style import Style
from statewise.report.formats import Column, compact, count, plain, size
from statewise.report.scale import Scale
from statewise.report.schema import Arm, Comparison, Primary

Cost = Callable[[Arm], float | None]
_RING = "M-8.5,0A8.5,8.5 0 1 1 8.5,0A8.5,8.5 0 1 1 -8.5,0Z"


def costs(data: Comparison, styles: Mapping[str, Style], column: Column) -> Figure:
    """Three plots: state bytes, parameters of the body, measured latency of a step."""
    axes = (
        ("state", "state bytes of one row", _state_bytes, size),
        ("parameters", "parameters of the body, trained and fixed", body_parameters, compact),
        ("latency", "measured latency of a step, µs", _latency, plain),
    )
    plots, fronts, shown = [], [], dict[str, Point]()
    for short, name, cost, text in axes:
        known = {
            arm.label: (value, arm.score.mean) for arm in data.arms if arm.score and (value := cost(arm)) is not None
        }
        if known:
            shown |= known
            front = pareto_front(known, data.task.primary)
            plots.append(_plot(data, styles, known, front, name, text, column))
            fronts.append(f"by {short}, {listed(front)}")
    if not plots:
        return Figure("costs", "Score against cost", "No arm has both a score and a counted or measured cost.")
    caption = (
        f"Mean test {data.task.primary.name} against what it costs. Ringed and joined: the Pareto front, arms that no "
        f"other beats without costing more: {'; '.join(fronts)}. "
    )
    caption += "Latency was measured on one machine and differs from run to run; the other costs are counted."
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


def _plot(
    data: Comparison,
    styles: Mapping[str, Style],
    known: Mapping[str, Point],
    front: Sequence[str],
    name: str,
    text: Callable[[float], str],
    column: Column,
) -> Markup:
    scale = Scale.over([cost for cost, _ in known.values()], wide=8.0, pad=0.12)
    ticks = scale.ticks(5, binary=text is size)
    across = Axis(scale, name, [(tick, text(tick)) for tick in ticks])
    plot = Plot(across, score_axis([score for _, score in known.values()], data.task.primary, "test"))
    plot.line([known[label] for label in front], "front", "Pareto front", stepped=True)
    for label, (cost, score) in known.items():
        tip = f"{label}: {column(score)} at {text(cost) if text is size else count(cost)}"
        if label in front:
            plot.sign(cost, score, _RING, f"ring {styles[label].css}", tip)
        plot.mark(cost, score, styles[label], tip)
    _name_points(plot, known, styles)
    return plot.svg()


def _name_points(plot: Plot, known: Mapping[str, Point], styles: Mapping[str, Style]) -> None:
    """Write labels where they hide neither points nor each other; the key names those that find no room."""
    centres = [(plot.px(x), plot.py(y)) for x, y in known.values()]
    taken = [(x - 9, y - 9, x + 9, y + 9) for x, y in centres]
    for label, (x, y) in zip(known, centres, strict=True):
        wide = LETTER * len(styles[label].short)
        beside = ((x + 8, y - 11), (x + 12, y + 4), (x - 8 - wide, y - 11), (x - 12 - wide, y + 4))
        places = (*beside, (x - wide / 2, y + 21))
        for left, base in places:
            box = (left, base - 9, left + wide, base + 2)
            inside = plot.left <= box[0] and box[2] <= plot.right and plot.top <= box[1] and box[3] <= plot.bottom
            if inside and not any(_meet(box, other) for other in taken):
                plot.write(left, base, styles[label].short, f"label {styles[label].css}")
                taken.append(box)
                break


def _meet(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
