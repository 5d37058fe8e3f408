"""What is forecast, going on from what is known."""

import math

from markupsafe import Markup

from statewise.report.figures.figure import Figure
from statewise.report.figures.lines import thin
from statewise.report.figures.plot import Axis, Plot, Point
from statewise.report.figures.style import Style
from statewise.report.formats import number
from statewise.report.scale import Scale
from statewise.report.schema.forecast import Ahead

KNOWN, AHEAD = Style("so far", 5), Style("forecast", 0)
STYLES = {style.label: style for style in (KNOWN, AHEAD)}
_UNITS = (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0), ("seconds", 1.0))
_MARKED = 40
"""Up to so many rows, each gets a mark, one that tells of it where it is forecast"""


def forecast(data: Ahead, title: str, anchor: str) -> Figure:
    """A plot for each target of a series, over the time from the last row that is known."""
    plots = tuple(_plot(data, name) for name in data.values)
    caption = f"{'Rows are' if data.unit == 'rows' else 'Time is'} counted from the last row that is known, at 0. "
    if data.times:
        caption += f"The first that is forecast comes at {data.times[0]}, the last at {data.times[-1]}. "
    if data.lower:
        share = f" that is to hold {100 * data.intervals.level:g}\u202f% of what comes" if data.intervals else ""
        caption += f"Shaded: the interval{share}, of each row by itself."
    return Figure(anchor, title, caption, plots, tuple(STYLES))


def _plot(data: Ahead, name: str) -> Markup:
    known = data.before.get(name, [])
    unit, size = _unit(data)
    so_far: list[Point] = [(time / size, value) for time, value in zip(data.ago, known, strict=False)]
    joined = so_far[-1:]
    ahead, lower, upper = (
        [*joined, *((time / size, value) for time, value in zip(data.ahead, rows.get(name, []), strict=False))]
        for rows in (data.values, data.lower, data.upper)
    )
    across = Axis.along(Scale(so_far[0][0] if so_far else 0.0, ahead[-1][0]), f"{unit} from the last known row")
    up = Axis.along(Scale.over((y for _, y in (*so_far, *ahead, *lower, *upper)), wide=math.inf), name)
    plot = Plot(across, up, reads_out=True)
    if data.lower:
        plot.band(lower, upper, AHEAD.css)
    plot.line(thin(so_far), f"main {KNOWN.css}", KNOWN.label)
    plot.line(ahead, f"main {AHEAD.css}", AHEAD.label)
    for x, y in so_far if len(so_far) <= _MARKED else []:
        plot.mark(x, y, KNOWN, number(y, 4), kind="small")
    rows = ahead[len(joined) :]
    for place, (x, y) in enumerate(rows if len(rows) <= _MARKED else []):
        plot.mark(x, y, AHEAD, _told(data, name, place), kind="small")
    return plot.svg()


def _unit(data: Ahead) -> tuple[str, float]:
    """What time is counted in, and how much of the data's unit it is; seconds that are many are longer units."""
    if data.unit != "seconds":
        return data.unit, 1.0
    longest = max((abs(time) for time in (*data.ago, *data.ahead)), default=0.0)
    return next((unit, size) for unit, size in _UNITS if longest >= 3 * size or size == 1)


def _told(data: Ahead, name: str, place: int) -> str:
    """A row that is forecast, in words."""
    told = f"{data.times[place]}: {number(data.values[name][place], 4)}"
    if name not in data.lower:
        return told
    return f"{told}\n{number(data.lower[name][place], 4)} to {number(data.upper[name][place], 4)}"
