"""The page of a forecast."""

from typing import Any

from statewise.report.figures.forecast import STYLES, forecast
from statewise.report.formats import Column
from statewise.report.page import render
from statewise.report.schema.forecast import Forecast
from statewise.report.schema.reading import read
from statewise.report.tidy import tidy


def render_forecast(found: dict[str, Any]) -> str:
    """One self-contained HTML page from what is forecast: a figure for each target, and a table of all rows.

    Raises:
        ValueError: if ``found`` is no forecast; the sentence names the field.

    >>> found = {"title": "x", "times": ["2024-05-01"], "ahead": [1.0], "values": {"sun": [4.0]}}
    >>> "2024-05-01" in render_forecast(found)
    True
    """
    clean = tidy(found)
    data = read(Forecast, clean)
    values = {
        "data": data,
        "raw": clean,
        "styles": STYLES,
        "figure": forecast(data),
        "columns": {name: Column(rows) for name, rows in data.values.items()},
    }
    return render("forecast.html.jinja", values)
