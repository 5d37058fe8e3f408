"""The help of the command: what there is to say, drawn from the same fields that words are read by."""

import ast
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, fields
from itertools import pairwise
from typing import Any

from rich import box
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from statewise.cli.words import Flag, Verb, flags_of

WIDEST = 100
"""Columns of the page, where the terminal has as many"""
NAMES = 24
"""Columns of what is said at most, a third of a page that is narrower; what is longer goes on below"""
KINDS: dict[object, str] = {int: "INT", float: "FLOAT", str: "TEXT", ...: "TEXT ..."}
HELP = (Text("-h, --help", "bold"), "Show this help")
VERSION = (Text("--version", "bold"), "Say which version this is")


def show_verbs(verbs: Mapping[str, type[Verb]], about: str) -> None:
    """All verbs by name, each with what it is for."""
    listed = [(Text(name, "bold"), _about(verb)) for name, verb in verbs.items()]
    _show(
        "statewise VERB ...", about, {"verbs (statewise VERB --help tells of one)": listed, "options": [HELP, VERSION]}
    )


def show_flags(name: str, verb: type[Verb]) -> None:
    """What may be said of one verb."""
    texts, (place, *others) = _texts(verb), fields(verb)
    said = place.name.upper()
    flags = flags_of(verb).values()
    rows = [
        (_written([flag for flag in flags if flag.field == field.name]), texts[field.name] + _default(field))
        for field in others
    ]
    usage = f"statewise {name} {said if place.default is MISSING else f'[{said}]'}{' [OPTIONS]' if others else ''}"
    groups = {"argument": [(Text(said, "bold"), texts[place.name] + _default(place))], "options": [*rows, HELP]}
    _show(usage, _about(verb), groups)


def _show(usage: str, about: str, groups: Mapping[str, Sequence[tuple[Text, str]]]) -> None:
    console = Console(highlight=False)
    console.width = min(console.width, WIDEST)
    console.print(Text(f"usage: {usage}\n\n{about}\n"))
    longest = max(len(said) for rows in groups.values() for said, _ in rows)
    for title, rows in groups.items():
        table = Table.grid(padding=(0, 2))
        table.add_column(width=min(longest, NAMES, console.width // 3), overflow="fold")
        table.add_column(overflow="fold")
        for said, text in rows:
            table.add_row(said, Text(text))
        console.print(Panel(table, title=title, title_align="left", box=box.ROUNDED, border_style="dim"))


def _written(flags: list[Flag]) -> Text:
    """The flags of one field, and what they take."""
    names, takes = Text(", ".join(flag.said for flag in flags), "bold"), flags[0].takes
    if isinstance(takes, bool):
        return names
    kind = f"{{{','.join(takes)}}}" if isinstance(takes, tuple) else KINDS[takes]
    return names.append(f" {kind}", "not bold")


def _default(field: Field[Any]) -> str:
    """What counts where nothing is said, behind what is told of a field; nothing where that is nothing."""
    shown = field.metadata.get("shown", "" if field.default is MISSING else field.default)
    if isinstance(shown, bool):
        shown = f"--{field.name}" if shown else ""
    return "" if shown in ("", ()) else f" (default: {shown})"


def _about(verb: type[Verb]) -> str:
    return " ".join((verb.__doc__ or "").split())


def _texts(verb: type[Verb]) -> dict[str, str]:
    """Field -> the docstring below it."""
    (definition,) = ast.parse(inspect.getsource(verb)).body
    assert isinstance(definition, ast.ClassDef)
    found = {}
    for field, text in pairwise(definition.body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            assert isinstance(text, ast.Expr)
            found[field.target.id] = " ".join(ast.literal_eval(text.value).split())
    return found
