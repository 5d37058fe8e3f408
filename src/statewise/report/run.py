"""The page of a single training run."""

import json
from pathlib import Path
from typing import Any

from statewise.report.figures.frame import PALETTE, Frame
from statewise.report.page import render, write
from statewise.report.scale import Scale
from statewise.report.schema import Run, read
from statewise.report.tidy import tidy


def write_run(run: dict[str, Any], path: str | Path) -> Path:
    """Write the page of a run to ``path``, whole or not at all, and return it."""
    return write(render_run(run), Path(path))


def render_run(run: dict[str, Any]) -> str:
    """One self-contained HTML page from a run's config, history and result.

    Raises:
        ValueError: if the data is not a run's.
    """
    data = read(Run, tidy(run))
    figures = [(name, _curve(data, name)) for name in ("train_loss", "valid", "gradient_norm", "learning_rate")]
    values = {
        "data": data,
        "figures": [(name.replace("_", " "), svg) for name, svg in figures if svg],
        "result": json.dumps(data.result, indent=1),
        "config": json.dumps(data.config, indent=1),
    }
    return render("run.html.jinja", values)


def _curve(data: Run, name: str) -> str:
    points = [
        (float(line["step"]), float(line[name]))
        for line in data.history
        if line.get(name) is not None and "step" in line
    ]
    if not points:
        return ""
    across, up = Scale.over([x for x, _ in points], wide=float("inf"), pad=0.02), Scale.over([y for _, y in points])
    frame = Frame(across, up, "training steps", name.replace("_", " "))
    dots = [frame.dot(x, y, PALETTE[0], f"step {x:g}: {y:.4g}", radius=2.5) for x, y in points]
    return frame.draw([frame.line(points, PALETTE[0]), *dots], f"{name} against training steps")
