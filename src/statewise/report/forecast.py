"""The page of a forecast."""

from dataclasses import dataclass
from itertools import islice
from typing import Any

from statewise.report.figures.figure import Figure
from statewise.report.figures.forecast import STYLES, forecast
from statewise.report.formats import Column
from statewise.report.page import render
from statewise.report.schema.forecast import Ahead, Forecast
from statewise.report.schema.reading import read
from statewise.report.tidy import tidy

MOST_DRAWN = 40
"""Series that a page draws; of more, the first"""


@dataclass(frozen=True)
class _Drawn:
    """A series with its figure, and how its numbers are written."""

    ahead: Ahead
    figure: Figure
    columns: dict[str, Column]


def render_forecast(found: dict[str, Any]) -> str:
    """One self-contained HTML page from what is forecast: a figure for each target, and a table of all rows.

    Of many series the first are drawn.

    Raises:
        ValueError: if ``found`` is no forecast; the sentence names the field.

    >>> ahead = {"times": ["2024-05-01"], "ahead": [1.0], "values": {"sun": [4.0]}}
    >>> "2024-05-01" in render_forecast({"title": "x", "series": {"": ahead}})
    True
    """
    clean = tidy(found)
    data = read(Forecast, clean)
    values = {
        "data": data,
        "raw": clean,
        "styles": STYLES,
        "drawn": [_drawn(name, ahead, k) for k, (name, ahead) in enumerate(islice(data.series.items(), MOST_DRAWN))],
    }
    return render("forecast.html.jinja", values)


def _drawn(name: str, ahead: Ahead, number: int) -> _Drawn:
    columns = {target: Column(rows) for target, rows in ahead.values.items()}
    return _Drawn(ahead, forecast(ahead, name or "Forecast", f"forecast-{number}"), columns)
