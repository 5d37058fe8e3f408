"""The page of all reproductions from their result files."""

import json
from pathlib import Path
from typing import Any

from page_table import table

HEAD = """# Reproduced

Made by `make reproduce` (or `python benchmarks/reproduce.py NAME`); every seed is shown. One thread; CPU minutes are
those of the machine it ran on. An experiment without a result here was not run yet.
"""


def write_page(results: Path, page: Path, names: list[str]) -> None:
    """Write ``page`` from the result files that there are."""
    parts = [HEAD]
    for name in names:
        path = results / f"{name}.json"
        if path.exists():
            drawn = path.with_suffix(".svg")
            figure = drawn.relative_to(page.parent) if drawn.exists() else None
            parts.append(_section(json.loads(path.read_text(encoding="utf-8")), figure))
        else:
            parts.append(f"## {name}\n\nNot run yet.\n")
    page.write_text("\n".join(parts), encoding="utf-8")


def _section(result: dict[str, Any], figure: Path | None) -> str:
    lines = [f"## {result['title']}", "", result["protocol"], "", *table(result["columns"], result["rows"])]
    if figure:
        lines += ["", f"![{result['title']}]({figure.as_posix()})"]
    lines += ["", f"{result['verdict']} ({result['cpu_minutes']} CPU minutes)", ""]
    return "\n".join(lines)
