"""The one call that runs a comparison and leaves its folder behind."""

import csv
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from statewise.compare.config import CompareConfig
from statewise.compare.experiment import Watch, run_experiment
from statewise.compare.summary import summarise
from statewise.compare.workbench import Workbench
from statewise.errors import UserError


def run_comparison(
    config: CompareConfig, bench: Workbench, folder: Path, *, command: str, watch: Watch = lambda event: None
) -> dict[str, Any]:
    """Run (or go on with) a comparison in ``folder`` and return its result, which also stands there.

    ``config.json``, ``result.json``, ``results.csv`` (one line a seed) and ``trials/`` are written. Started
    again with the same config, finished trials are not repeated.

    Raises:
        UserError: if the folder cannot be written, or holds a comparison that is not this one's.
    """
    _prepare(folder, config)
    task, records = run_experiment(config, bench, folder, watch)
    result = summarise(config, bench, task, records, command)
    _write(folder / "result.json", json.dumps(result, indent=1))
    _write_csv(folder / "results.csv", result)
    return result


def _prepare(folder: Path, config: CompareConfig) -> None:
    """Make the folder, or see that what stands in it is ours."""
    written = json.dumps(asdict(config), indent=1)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make the folder {folder}: {error.strerror}; choose another with --out") from error
    if any(folder.iterdir()) and not (folder / "config.json").exists():
        raise UserError(f"{folder} is not empty and holds no comparison; choose another folder with --out")
    _write(folder / "config.json", written)


def _write(path: Path, text: str) -> None:
    try:
        fresh = path.with_name(path.name + ".new")
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(path)
    except OSError as error:
        raise UserError(
            f"cannot write {path}: {error.strerror or error}; free some space or choose another folder with --out; "
            "finished trials are kept"
        ) from error


def _write_csv(path: Path, result: dict[str, Any]) -> None:
    """One line a seed: scores first, then what the arm costs."""
    import io

    lines = io.StringIO()
    table = csv.writer(lines)
    costs = ("body", "fixed", "embedding", "readout")
    metrics = sorted({name for arm in result["arms"] for seed in arm["seeds"] for name in seed["metrics"]})
    table.writerow(["arm", "family", "seed", "status", "valid", *metrics, *costs, "state_bytes", "flops_per_token"])
    for arm in result["arms"]:
        cost = arm["cost"]
        paid = [cost["parameters"][kind] for kind in costs] + [cost["state_bytes"], cost["flops_per_token"]]
        for seed in arm["seeds"]:
            scores = [seed["metrics"].get(name) for name in metrics]
            table.writerow([arm["label"], arm["family"], seed["seed"], seed["status"], seed["valid"], *scores, *paid])
    _write(path, lines.getvalue())
