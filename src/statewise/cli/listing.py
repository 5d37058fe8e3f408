"""``statewise models`` and ``statewise tasks``."""

import inspect
import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from itertools import groupby

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from statewise.catalog import CATALOG, SEQUENCE_LAYERS
from statewise.cli import verbs
from statewise.cli.console import console
from statewise.compare.presets import PRESETS
from statewise.contract import Entry, Vectors
from statewise.cost.flops import step_flops
from statewise.cost.parameters import count_parameters, state_bytes
from statewise.errors import UserError
from statewise.models.blocks.table import BLOCKS
from statewise.models.config import ModelConfig
from statewise.models.members import cycle_of
from statewise.models.nest import SIZES
from statewise.models.resolve import build, default_config, find_entry
from statewise.tasks.resolve import TASKS, find_task, make_task

COSTS = ("parameters", "fixed", "state bytes", "operations a token")
AT_WIDTH = (
    "At width {}, as one block of a comparison, with the feed-forward part of those that have one, without embedding "
    "and readout. State bytes are of one row. --width costs others; a name tells more."
)
NO_ARMS = "Layers for use from Python, no arms of a comparison: a task of sequences has nothing of the kind for them"
IN_TURN = "A hybrid takes several in turn over its depth, as lru+lru+attention; --set layer.attention.heads=2 is of one"
IN_BLOCKS = "Blocks, --set block=NAME: how a layer, with its feed-forward part where it has one, is put into the depth"
STUDIES = "Studies, statewise compare NAME: several comparisons with hypotheses that answer one question"

Row = dict[str, str | int | None]


def run(verb: verbs.Models | verbs.Tasks, command: str) -> None:
    """List models or tasks, or describe one."""
    if isinstance(verb, verbs.Models):
        width = replace(ModelConfig(), **verbs.given(verb, "width")).width
        told = _describe_models(verb.name, width) if verb.name else _list_models(width)
    else:
        told = _describe_task(verb.name) if verb.name else _list_tasks()
    if verb.json:
        print(json.dumps(told, default=str))


def _list_models(width: int) -> list[Row]:
    """Print all there are with their costs, and what stands beside them; the rows of both tables."""
    rows = [_row(entry, width) for entry in SEQUENCE_LAYERS.values()]
    families = list(dict.fromkeys(row["family"] for row in rows))
    rows.sort(key=lambda row: families.index(row["family"]))
    others: list[Row] = [
        {"name": e.name, "family": e.family, "paper": e.paper, "reads": e.reads}
        for e in CATALOG.values()
        if e.name not in SEQUENCE_LAYERS
    ]
    console().print(AT_WIDTH.format(width), highlight=False)
    _print_models(rows)
    console().print(f"\n{NO_ARMS}")
    _print_table(others)
    console().print(f"\n{IN_TURN}\n\n{IN_BLOCKS}")
    _print_table([{"name": n, "of a part f": b.equation, "paper": b.paper} for n, b in BLOCKS.items()])
    return rows + others


def _list_tasks() -> list[Row]:
    """Print all tasks and studies; the rows of the tasks."""
    rows = _tasks()
    _print_table(rows)
    console().print(f"\n{STUDIES}")
    _print_table([{"name": name, "what": study.question} for name, study in PRESETS.items()])
    return rows


def _describe_task(name: str) -> dict[str, object]:
    kind = find_task(name)
    _print_documentation(kind)
    options = _arguments(kind)
    files = [f"; {file} is the file that is named in place of {name}" for file in kind.files]
    told = {option: value for option, value in options.items() if option not in kind.files}
    _print_options(f"Options of {name}, --task-options NAME=VALUE{''.join(files)}", told)
    return {"name": name, "options": options}


def _print_models(rows: list[Row]) -> None:
    """A table with a heading for each family."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("name", no_wrap=True)
    table.add_column("paper")
    for head in ("parameters", "state bytes", "operations\na token"):
        table.add_column(head, justify="right")
    for family, members in groupby(rows, key=lambda row: row["family"]):
        if table.row_count:
            table.add_row()
        table.add_row(f"[bold]{escape(str(family))}")
        for row in members:
            table.add_row(f"  {escape(str(row['name']))}", escape(str(row["paper"])), *_costs(row))
    console().print(table)


def _costs(row: Row) -> tuple[str, ...]:
    """What a model costs, as cells; trained and fixed parameters in one."""
    trained, fixed, *others = (row[name] for name in COSTS)
    if trained is None:
        return ("no such width",)
    parts = [f"{trained:,}" if trained or not fixed else "", f"{fixed:,} fixed" if fixed else ""]
    return "\n+ ".join(filter(None, parts)), *(f"{other:,}" for other in others)


def _print_table(rows: list[Row]) -> None:
    table = Table(box=SIMPLE_HEAD)
    for name in rows[0]:
        table.add_column(name, no_wrap=name == "name")
    for row in rows:
        table.add_row(*(f"{cell:,}" if isinstance(cell, int) else escape(str(cell)) for cell in row.values()))
    console().print(table)


def _describe_models(name: str, width: int) -> dict[str, object]:
    """Print what is known of the layers of a model, several where it is a hybrid; options and costs, by layer then."""
    options, costs = {}, {}
    entries = {layer: find_entry(layer) for layer in cycle_of(name)}
    for layer, entry in entries.items():
        is_arm = entry.reads == "a sequence"
        _print_documentation(entry.layer)
        options[layer] = _arguments(entry.layer) | dict(entry.defaults)
        if is_arm:
            options[layer] = {option: value for option, value in options[layer].items() if option not in SIZES}
        costs[layer] = _row(entry, width) if is_arm else None
        place = f"layer.{layer}." if len(entries) > 1 else "layer."
        how = f", --set {place}NAME=VALUE; its width is --width" if is_arm else ", from Python"
        _print_options(f"Options of {layer}{how}", options[layer])
        _print_entry(entry, costs[layer])
    if len(entries) > 1:
        return {"name": name, "options": options, "costs": costs}
    return {"name": name, "options": options[layer], "costs": costs[layer]}


def _print_entry(entry: Entry, costs: Row | None) -> None:
    """What the catalog knows of a layer: where it is, family, paper, what is tuned, what it costs."""
    print(f"From Python: from {entry.layer.__module__} import {entry.layer.__name__}")
    print(f"Family: {entry.family}. Paper: {entry.paper}.")
    if entry.knobs:
        print("Tuned: " + ", ".join(f"{knob.name} from {knob.low:g} to {knob.high:g}" for knob in entry.knobs))
    if costs is not None and costs["parameters"] is None:
        print(f"At width {costs['width']} there is none; --width costs others.")
    elif costs is not None:
        weights, state, operations = (" ".join(cell.split()) for cell in _costs(costs))
        print(
            f"One block at width {costs['width']}, without embedding and readout: parameters {weights}, "
            f"state bytes {state}, operations a token {operations}. --width costs others."
        )


def _print_documentation(kind: type) -> None:
    """What the code says about a layer or task."""
    documentation = [inspect.getdoc(source) for source in (sys.modules[kind.__module__], kind)]
    print("\n\n".join(text for text in documentation if text))


def _arguments(kind: type) -> dict[str, object]:
    """Argument of a constructor -> its default."""
    parameters = inspect.signature(kind).parameters.values()
    return {p.name: "(needed)" if p.default is p.empty else p.default for p in parameters}


def _print_options(head: str, options: Mapping[str, object]) -> None:
    told = (f"{name}={json.dumps(value) if value == '' else value}" for name, value in options.items())
    print(f"\n{head}: {', '.join(told) or 'none'}")


def _row(entry: Entry, width: int) -> Row:
    """An arm of a comparison with its costs, which are None where there is no such width."""
    row: Row = {"name": entry.name, "family": entry.family, "paper": entry.paper, "width": width}
    config = replace(default_config(entry.name, depth=1, context_length=None), width=width)
    try:
        model = build(config, Vectors(width), width)
    except UserError:
        return row | dict.fromkeys(COSTS)
    parameters = count_parameters(model)
    costs = (parameters.body, parameters.fixed, state_bytes(model), sum(step_flops(model.body)))
    return row | dict(zip(COSTS, costs, strict=True))


def _tasks() -> list[Row]:
    rows: list[Row] = []
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
