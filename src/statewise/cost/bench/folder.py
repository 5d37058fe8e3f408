"""The folder of a bench: result, table and, from the report, a page. The same command again measures anew."""

import csv
import io
from pathlib import Path
from typing import Any

from statewise.cost.bench.config import KIND
from statewise.errors import UserError
from statewise.storage import entries_of, read_json, write_json, write_text

MIDDLES = ("seconds", "peer_seconds", "ratio")


def check_folder(folder: Path) -> None:
    """Raise a ``UserError`` if a folder cannot be read, or holds something else than an earlier bench."""
    names = entries_of(folder)
    if names and ("result.json" not in names or not is_bench(read_json(folder / "result.json"))):
        raise UserError(f"{folder} is not empty and holds no bench; choose another folder with --out")


def is_bench(result: dict[str, Any]) -> bool:
    """Whether a result is a bench's."""
    return result.get("kind") == KIND


def write_bench(folder: Path, result: dict[str, Any]) -> None:
    """Leave ``result.json`` and ``results.csv``.

    Raises:
        UserError: if a file cannot be written; what stood there stays.
    """
    write_text(folder / "results.csv", bench_table(result))
    write_json(folder / "result.json", result)


def bench_table(result: dict[str, Any]) -> str:
    """One line a layer and gear as CSV, medians with their quartiles, times in seconds."""
    lines = io.StringIO()
    table = csv.writer(lines, lineterminator="\n")
    spread = [f"{name}{part}" for name in MIDDLES for part in ("", "_low", "_high")]
    counted = ("model", "family", "gear", "parameters", "state_bytes", "peer")
    table.writerow([*counted, *spread, "floor_seconds", "floor_limit"])
    for row in result["rows"]:
        measured = [row[name][part] for name in MIDDLES for part in ("median", "low", "high")]
        table.writerow([*(row[name] for name in counted), *measured, row["floor"]["seconds"], row["floor"]["limit"]])
    return lines.getvalue()
