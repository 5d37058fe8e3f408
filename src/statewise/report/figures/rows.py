"""A plot of one row for each name, and an interval in such a row."""

from collections.abc import Sequence

from statewise.report.figures.plot import Axis, Plot
from statewise.report.figures.style import Style
from statewise.report.formats import plain
from statewise.report.scale import Scale

ARROWS = {-1: "M4,-4L-2,0L4,4", 1: "M-4,-4L2,0L-4,4"}
"""What points out of the figure, to the left and to the right"""

_ROW = 30.0


def rows_plot(names: Sequence[str], across: Axis) -> Plot:
    """An empty row for each name, from the top."""
    last = len(names) - 1
    rows = Axis(Scale(last + 0.6, -0.6), across.label, [(row, name) for row, name in enumerate(names)])
    return Plot(Axis(across.scale, "", across.ticks), rows, height=48 + _ROW * len(names))


def draw_interval(plot: Plot, scale: Scale, row: int, style: Style, ends: tuple[float | None, float | None]) -> None:
    """A bar between both ends, with an arrow where it goes on outside the figure; nothing without ends."""
    low, high = ends
    if low is None or high is None:
        return
    inside = [min(max(end, scale.low), scale.high) for end in (low, high)]
    plot.line([(inside[0], row), (inside[1], row)], f"bar {style.css}", "")
    for side, end in ((-1, low), (1, high)):
        if not scale.low <= end <= scale.high:
            place = scale.low if side < 0 else scale.high
            plot.sign(place, row, ARROWS[side], f"arrow {style.css}", f"goes on to {plain(float(f'{end:.3g}'))}")
