"""The page of a comparison."""

import json
from pathlib import Path
from typing import Any

from statewise.report import formats
from statewise.report.figures import plots
from statewise.report.figures.frame import colours
from statewise.report.page import render, write
from statewise.report.schema import Arm, Comparison, read
from statewise.report.tidy import tidy


def write_comparison(result: dict[str, Any], path: str | Path) -> Path:
    """Write the page of a comparison to ``path``, whole or not at all, and return it."""
    return write(render_comparison(result), Path(path))


def render_comparison(result: dict[str, Any]) -> str:
    """One self-contained HTML page from the result of a comparison.

    Raises:
        ValueError: if the data is not a comparison's.
    """
    data = read(Comparison, tidy(result))
    palette = colours([arm.label for arm in data.arms])
    values = {
        "data": data,
        "colours": palette,
        "figures": _figures(data, palette),
        "failures": _failures(data),
        "column": formats.Column([arm.score.mean for arm in data.arms if arm.score]),
        "config": json.dumps(data.config, indent=1),
    }
    return render("comparison.html.jinja", values)


def _figures(data: Comparison, palette: dict[str, str]) -> list[tuple[str, str, str]]:
    """Title, caption and SVG of every figure there is something to draw for."""
    unit = f"{data.task.primary.name} ({data.task.primary.unit})"
    drawn = [
        ("Scores", f"Filled: mean {unit} with its interval; hollow: single seeds.", plots.scores(data, palette)),
        ("Score by length", "One line a seed; lengths of the training are shaded.", plots.by_length(data, palette)),
        ("Learning curves", "Validation score, one line a seed.", plots.curves(data, palette)),
        *(
            (f"Score against {name}", "Filled points are on the Pareto front.", svg)
            for name, svg in _trade_offs(data, palette)
        ),
        ("What tuning bought", "Expected best validation score of so many trials.", plots.tuning(data, palette)),
    ]
    return [(title, caption, svg) for title, caption, svg in drawn if svg]


def _trade_offs(data: Comparison, palette: dict[str, str]) -> list[tuple[str, str]]:
    def parameters(arm: Arm) -> float | None:
        counted = arm.cost.parameters if arm.cost else None
        return None if counted is None else float((counted.body or 0) + (counted.fixed or 0))

    costs = {
        "state bytes": lambda arm: arm.cost.state_bytes if arm.cost else None,
        "parameters": parameters,
        "step latency (µs)": lambda arm: arm.cost.step_latency_us if arm.cost else None,
    }
    return [(name, plots.trade_off(data, palette, cost, name)) for name, cost in costs.items()]


def _failures(data: Comparison) -> list[tuple[str, str, str]]:
    """What went wrong: arm, where, why."""
    found = [(arm.label, arm.status, arm.reason or "") for arm in data.arms if arm.status != "ok"]
    for arm in data.arms:
        found += [
            (arm.label, f"tuning trial {t.trial}: {t.status}", t.reason or "") for t in arm.tuning if t.status != "ok"
        ]
        found += [(arm.label, f"seed {s.seed}: {s.status}", s.reason or "") for s in arm.seeds if s.status != "ok"]
    return found
