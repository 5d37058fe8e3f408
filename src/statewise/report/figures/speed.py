"""Times of layers beside torch.nn's and the floor, on one axis for each gear."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from statewise.report.figures.figure import Figure
from statewise.report.figures.plot import Axis
from statewise.report.figures.rows import draw_interval, rows_plot
from statewise.report.figures.style import Style
from statewise.report.formats import number
from statewise.report.scale import Scale
from statewise.report.schema.bench import Timing

_FLOOR = "M0,-7V7"
_NAMES = {"forward": "forward", "training": "training", "step": "one step of a stream"}


def speed(rows: Sequence[Timing], styles: Mapping[str, Style]) -> Figure:
    """A plot for each gear, one row a layer: its time as a multiple of its peer's, and where the floor lies."""
    if not rows:
        return Figure("speed", "Speed", "Nothing was timed.")
    gears = list(dict.fromkeys(row.gear for row in rows))
    plots = tuple(_plot(gear, [row for row in rows if row.gear == gear], styles) for gear in gears)
    caption = (
        "Time as a multiple of torch.nn's, whose kind the tables name; left of the dotted line the layer is faster. "
        "Marks: medians over the rounds of the ratio within a round; bars: quartiles; upright strokes: the floor, as a "
        "multiple of the same. Logarithmic where times differ widely."
    )
    return Figure("speed", "Speed", caption, plots)


def _plot(gear: str, rows: Sequence[Timing], styles: Mapping[str, Style]) -> Markup:
    floors = [row.floor.seconds / row.peer_seconds.median for row in rows]
    ends = [value for row in rows for value in (row.ratio.low, row.ratio.high)]
    scale = Scale.over([1.0, *ends, *floors], wide=8.0)
    across = Axis.along(scale, f"{_NAMES.get(gear, gear)}: time, as a multiple of torch.nn's")
    plot = rows_plot([styles[row.model].short for row in rows], across)
    plot.upright(1.0, len(rows) - 0.4, -0.6)
    for place, (row, floor) in enumerate(zip(rows, floors, strict=True)):
        style = styles[row.model]
        plot.sign(floor, place, _FLOOR, "stroke", f"{row.model}: the floor is {number(floor)} of {row.peer}'s time")
        draw_interval(plot, scale, place, style, (row.ratio.low, row.ratio.high))
        plot.mark(row.ratio.median, place, style, f"{row.model}: {number(row.ratio.median)} of {row.peer}'s time")
    return plot.svg()
