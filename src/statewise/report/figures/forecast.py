"""What is forecast, going on from what is known."""

import math

from markupsafe import Markup

from statewise.report.figures.figure import Figure
from statewise.report.figures.lines import thin
from statewise.report.figures.plot import Axis, Plot, Point
from statewise.report.figures.style import Style
from statewise.report.formats import number
from statewise.report.scale import Scale
from statewise.report.schema.forecast import Forecast

KNOWN, AHEAD = Style("so far", 5), Style("forecast", 0)
STYLES = {style.label: style for style in (KNOWN, AHEAD)}
_MARKED = 40
"""Up to so many rows, each that is forecast gets a mark that tells of it"""


def forecast(data: Forecast) -> Figure:
    """A plot for each target, over the rows from the last one that is known."""
    plots = tuple(_plot(data, name) for name in data.values)
    caption = "Rows are counted from the last that is known, which is 0. "
    if data.times:
        caption += f"The first that is forecast comes at {data.times[0]}, the last at {data.times[-1]}. "
    if data.lower:
        share = f" that is to hold {100 * data.intervals.level:g}\u202f% of what comes" if data.intervals else ""
        caption += f"Shaded: the interval{share}, of each row by itself."
    return Figure("forecast", "Forecast", caption, plots, tuple(STYLES))


def _plot(data: Forecast, name: str) -> Markup:
    known = data.before.get(name, [])
    so_far: list[Point] = [(float(place + 1 - len(known)), value) for place, value in enumerate(known)]
    joined = so_far[-1:]
    ahead, lower, upper = (
        [*joined, *((float(place), value) for place, value in enumerate(rows.get(name, []), start=1))]
        for rows in (data.values, data.lower, data.upper)
    )
    scale = Scale(so_far[0][0] if so_far else 0.0, max(1.0, ahead[-1][0]))
    across = Axis.along(scale, "rows from the last known")
    up = Axis.along(Scale.over((y for _, y in (*so_far, *ahead, *lower, *upper)), wide=math.inf), name)
    plot = Plot(across, up, reads_out=True)
    if data.lower:
        plot.band(lower, upper, AHEAD.css)
    plot.line(thin(so_far), f"main {KNOWN.css}", KNOWN.label)
    plot.line(ahead, f"main {AHEAD.css}", AHEAD.label)
    rows = ahead[len(joined) :]
    for place, (x, y) in enumerate(rows if len(rows) <= _MARKED else []):
        plot.mark(x, y, AHEAD, _told(data, name, place), kind="small")
    return plot.svg()


def _told(data: Forecast, name: str, place: int) -> str:
    """A row that is forecast, in words."""
    told = f"{data.times[place]}: {number(data.values[name][place], 4)}"
    if name not in data.lower:
        return told
    return f"{told}\n{number(data.lower[name][place], 4)} to {number(data.upper[name][place], 4)}"
