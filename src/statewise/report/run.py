"""The page of a single training run."""

from collections.abc import Iterator
from typing import Any

from statewise.report import facts
from statewise.report.by_series import SeriesTable, series_table
from statewise.report.figures.curves import steps_axis
from statewise.report.figures.figure import Figure
from statewise.report.figures.lines import Strands, draw_bundle
from statewise.report.figures.plot import Axis, Plot, Point
from statewise.report.figures.style import Style
from statewise.report.formats import number, told
from statewise.report.page import render
from statewise.report.schema.reading import read
from statewise.report.schema.run import Run
from statewise.report.tidy import tidy

_NOT_DRAWN = frozenset({"step", "tokens", "seconds"})
"""Numbers of a history that need no figure: they only grow, or are measured times"""
_IN_TABLES = frozenset({"valid", "test", "baselines", "chance", "primary", "lower_is_better", "series"})
"""Of a result, what stands in tables"""


def render_run(run: dict[str, Any]) -> str:
    """One self-contained HTML page from a run's result, history, samples, config and environment.

    Every number in the history is drawn against ``step``, unless it is nought throughout.

    Raises:
        ValueError: if ``run`` is not a run's; the sentence names the field.

    >>> "Learning curves" in render_run({"title": "A run", "history": [{"step": 1, "train_loss": 2.0}]})
    True
    """
    clean = tidy(run)
    data = read(Run, clean)
    values = {
        "data": data,
        "raw": clean,
        "figure": _figure(data),
        "of": ["run", *(part for part in (data.config.get("task"), data.config.get("model", {}).get("layer")) if part)],
        "outcome": list(_outcome({name: part for name, part in data.result.items() if name not in _IN_TABLES})),
        "primary": data.result.get("primary", ""),
        "columns": _columns(data.result),
        "series": _series_table(data.result),
        "spread": facts.spread,
        "number": number,
    }
    return render("run.html.jinja", values)


def _figure(data: Run) -> Figure:
    series = {name: points for name, points in _series(data.history).items() if any(y for _, y in points)}
    if not series:
        return Figure("history", "Learning curves", "No history was recorded.")
    in_words = {"train_loss": "training loss", "valid": f"validation {data.result.get('primary', 'score')}"}
    names = [in_words.get(name, name.replace("_", " ")) for name in series]
    plots = []
    for name, points in zip(names, series.values(), strict=True):
        bundle = {name: Strands([points], [])}
        plot = Plot(steps_axis(bundle), Axis.over([y for _, y in points], name), reads_out=True)
        draw_bundle(plot, bundle, {name: Style(name, 0)})
        plots.append(plot.svg())
    caption = f"Against training steps: {', '.join(names)}."
    return Figure("history", "Learning curves", caption, tuple(plots))


def _series(history: list[dict[str, Any]]) -> dict[str, list[Point]]:
    found: dict[str, list[Point]] = {}
    for line in history:
        for name, value in line.items():
            if name not in _NOT_DRAWN and _is_number(value) and _is_number(line.get("step")):
                found.setdefault(name, []).append((float(line["step"]), float(value)))
    return found


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _columns(result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The scores of the model, and beside them those of what needs no training."""
    chance = result.get("chance")
    found = {
        "validation": result.get("valid", {}),
        "test": result.get("test", {}),
        "chance": {} if chance is None else {result.get("primary", ""): chance},
        **result.get("baselines", {}),
    }
    return {name: scores for name, scores in found.items() if scores}


def _series_table(result: dict[str, Any]) -> SeriesTable | None:
    """The primary score of each series: that on the test part, beside those of the rules."""
    found, primary = result.get("series", {}), result.get("primary", "")
    rules = list(dict.fromkeys(rule for one in found.values() for rule in one["baselines"]))
    series = [
        (name, [scores.get(primary) for scores in (one["test"], *(one["baselines"].get(rule, {}) for rule in rules))])
        for name, one in found.items()
    ]
    return series_table(series, ["test", *rules], primary, lower_is_better=result.get("lower_is_better", True))


def _outcome(result: dict[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """Names and values of a nested result, the names of its parts joined."""
    for name, value in result.items():
        if isinstance(value, dict):
            yield from _outcome(value, f"{above}{name} · ")
        else:
            yield above + name.replace("_", " "), told(value)
