"""Small notations of the command line: 100k, a,b, field=value."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from statewise.errors import UserError

SUFFIXES = {"k": 10**3, "m": 10**6, "g": 10**9}


def parse_number(text: str) -> int:
    """A count with an optional suffix.

    >>> parse_number("100k"), parse_number("1.5M"), parse_number("42")
    (100000, 1500000, 42)
    """
    lowered = text.strip().lower()
    factor = SUFFIXES.get(lowered[-1:], 1)
    try:
        return round(float(lowered[:-1] if factor > 1 else lowered) * factor)
    except ValueError:
        raise UserError(f"'{text}' is not a number; write for example 50000, 100k or 2M") from None


def folder_name(named: str) -> str:
    """What a file, task or import path is called in the name of a folder, on any system.

    >>> folder_name("data/My text.txt"), folder_name("mine.tasks:Decay"), folder_name("delayed-recall")
    ('my-text', 'mine-tasks-decay', 'delayed-recall')
    """
    name = named if ":" in named and not Path(named).exists() else Path(named).stem
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "unnamed"


def parse_list(text: str) -> tuple[str, ...]:
    """Names separated by commas.

    >>> parse_list("lstm, gru")
    ('lstm', 'gru')
    """
    return tuple(part.strip() for part in text.split(",") if part.strip())


def parse_value(text: str) -> Any:
    """JSON where it reads as that: a number, true, false, null, a list, an object, a quoted text; else the text.

    ``None`` is null as Python, and what layers say of themselves, has it; ``none`` is a word.

    Raises:
        UserError: if it begins as a list or an object does and is none.

    >>> parse_value("1e-3"), parse_value("true"), parse_value("adamw"), parse_value('{"layer": "lstm"}')
    (0.001, True, 'adamw', {'layer': 'lstm'})
    """
    if text == "None":
        return None
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        if text.startswith(("[", "{")):
            raise UserError(
                f"'{text}' is no JSON ({error}); put single quotes around the word, so that the shell leaves it alone"
            ) from error
        return text


def parse_fields(words: Sequence[str]) -> dict[str, Any]:
    """``field=value`` words.

    >>> parse_fields(["clip_at=0.5", "optimizer=sgd"])
    {'clip_at': 0.5, 'optimizer': 'sgd'}
    """
    return {name: parse_value(value) for name, value in _cut_all(words)}


def parse_choices(words: Sequence[str]) -> dict[str, tuple[Any, ...]]:
    """``field=value,value`` words; a comma inside brackets, braces or quotes is part of a value.

    >>> parse_choices(["optimizer=adamw,sgd", "betas=[0.9,0.95],[0.9,0.999]"])
    {'optimizer': ('adamw', 'sgd'), 'betas': ([0.9, 0.95], [0.9, 0.999])}
    """
    return {name: tuple(parse_value(part) for part in _parts(value)) for name, value in _cut_all(words)}


def _parts(text: str) -> list[str]:
    """What stands between the commas that are in no brackets, braces or quotes."""
    parts, depth = [""], 0
    for token in re.findall(r'"(?:\\.|[^"\\])*"|.', text, re.DOTALL):
        depth += (token in ("[", "{")) - (token in ("]", "}"))
        if token == "," and depth <= 0:
            parts.append("")
        else:
            parts[-1] += token
    return [part.strip() for part in parts if part.strip()]


def _cut_all(words: Sequence[str]) -> list[tuple[str, str]]:
    """Names and values, every name once."""
    cut = [_cut(word) for word in words]
    for name, times in Counter(name for name, _ in cut).items():
        if times > 1:
            raise UserError(f"'{name}' is given {times} times; give it once")
    return cut


def _cut(word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not equals or not name or not value:
        raise UserError(f"'{word}' is not of the form field=value; say it so, and what is no field before the flag")
    return name.replace("-", "_"), value
