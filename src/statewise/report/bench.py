"""The page of a bench."""

from itertools import groupby
from typing import Any

from statewise.report.figures.speed import speed
from statewise.report.figures.style import styles_of
from statewise.report.formats import Column
from statewise.report.page import render
from statewise.report.schema.bench import Bench, Timing
from statewise.report.schema.reading import read
from statewise.report.tidy import tidy

UNITS = {"step": ("µs", 1e6)}
MILLISECONDS = ("ms", 1e3)


def render_bench(result: dict[str, Any]) -> str:
    """One self-contained HTML page from the result of a bench: a figure, a table for each gear, what was measured with.

    Raises:
        ValueError: if ``result`` is not a bench's; the sentence names the field.

    >>> work = {"batch": 1, "length": 2, "width": 3, "streams": 1}
    >>> machine = {"product_rate": 1e9, "copy_rates": [[1e6, 1e9]]}
    >>> "Nothing was timed." in render_bench({"title": "x", "config": work, "rounds": 1, "machine": machine})
    True
    """
    clean = tidy(result)
    data = read(Bench, clean)
    styles = styles_of(dict.fromkeys(row.model for row in data.rows))
    values = {
        "data": data,
        "raw": clean,
        "styles": styles,
        "figure": speed(data.rows, styles),
        "tables": [_table(gear, list(rows)) for gear, rows in groupby(data.rows, key=lambda row: row.gear)],
    }
    return render("bench.html.jinja", values)


def _table(gear: str, rows: list[Timing]) -> dict[str, Any]:
    unit, scale = UNITS.get(gear, MILLISECONDS)
    times = [row.seconds.median for row in rows] + [row.peer_seconds.median for row in rows]
    return {"gear": gear, "unit": unit, "scale": scale, "rows": rows, "time": Column([scale * time for time in times])}
