"""``statewise models`` and ``statewise tasks``."""

import json
from dataclasses import replace

from rich.console import Console
from rich.table import Table

from statewise.catalog import CATALOG
from statewise.cli import verbs
from statewise.contract import Vectors
from statewise.cost.flops import step_flops
from statewise.cost.parameters import count_parameters, state_bytes
from statewise.errors import UserError
from statewise.models.resolve import build, default_config
from statewise.tasks.resolve import TASKS, make_task


def run(verb: verbs.Models | verbs.Tasks, command: str) -> None:
    """List models or tasks."""
    rows = _models(verb.width) if isinstance(verb, verbs.Models) else _tasks()
    table = Table(*rows[0])
    for row in rows:
        table.add_row(*(f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row.values()))
    Console().print(table)
    if verb.json:
        print(json.dumps(rows))


def _models(width: int) -> list[dict[str, str | int]]:
    rows: list[dict[str, str | int]] = []
    for name, entry in CATALOG.items():
        config = replace(default_config(name, depth=1, context_length=None), width=width)
        model = build(config, Vectors(width), width)
        parameters = count_parameters(model)
        rows.append(
            {
                "name": name,
                "family": entry.family,
                "paper": entry.paper,
                "parameters": parameters.body,
                "fixed": parameters.fixed,
                "state bytes": state_bytes(model),
                "operations a token": sum(step_flops(model.body)),
            }
        )
    return rows


def _tasks() -> list[dict[str, str | int]]:
    rows: list[dict[str, str | int]] = []
    for name, kind in TASKS.items():
        try:
            chance = make_task(name, {}).chance()
        except UserError:
            chance = None  # a task that needs a file
        level = "" if chance is None else f"{chance:.4g}"
        metric = kind.primary
        rows.append(
            {"name": name, "what": kind.description, "score": f"{metric.name} ({metric.unit})", "chance": level}
        )
    return rows
