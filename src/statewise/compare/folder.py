"""The folder of a comparison: what it is, what came of it, written so that nothing is ever half there."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from statewise.compare.config import CompareConfig
from statewise.compare.hypotheses import Hypothesis, Said
from statewise.compare.trial_file import read_trial
from statewise.errors import UserError
from statewise.storage import holds_config, read_json, refuse_change, write_json, write_text

README = """# A statewise comparison

{description}. Made by `{command}`; the same command goes on where it was stopped and repeats no finished trial.

- `report.html`: read this; it needs no network
- `results.csv`: one line an arm and seed: arm, family, seed, status, the validation score it was chosen by, every test
  score, `{primary}@LENGTH` where lengths were scored, then parameters, state bytes and operations a token. The same
  command writes the same file, byte for byte
- `result.json`: everything the report shows; measured times and memory stand in it under `cost` and `training_seconds`
- `config.json`: everything that decides the scores; `environment.json`: what they were made with
- `hypotheses.json`, where any were said: each, and whether it was said before or after a test score was known
- `trials/`: one file a finished trial, named by the hash of all that decides it, with a checksum: one that
  was changed by hand is run again
"""


MAY_GROW = ("models", "seeds", "trials")
"""Fields of which a comparison that is gone on with may have more than before"""
MAY_CHANGE = (*MAY_GROW, "workers", "measure", "hypotheses")
"""Fields that no score depends on, beside those"""


def open_comparison(folder: Path, config: CompareConfig) -> None:
    """Make the folder of a comparison, or go on in that of the same one or one with fewer models, seeds or trials.

    Raises:
        UserError: if it cannot be written, or holds something else, another comparison or a larger one.
    """
    written = json.loads(json.dumps(asdict(config)))
    if holds_config(folder, "comparison"):
        _check_same(folder, read_json(folder / "config.json"), written)
    write_json(folder / "config.json", written)


def when_said(folder: Path, hypotheses: Sequence[Hypothesis]) -> dict[Hypothesis, Said]:
    """When each hypothesis was first said, which the folder of the comparison remembers from now on.

    Raises:
        UserError: if that cannot be read or written.
    """
    path = folder / "hypotheses.json"
    now: Said = "after" if _has_scores(folder) else "before"
    said = dict.fromkeys(map(str, hypotheses), now) | (read_json(path) if path.exists() else {})
    if said:
        write_json(path, said)
    return {hypothesis: said[str(hypothesis)] for hypothesis in hypotheses}


def read_result(folder: Path) -> dict[str, Any]:
    """The result of a finished comparison or run.

    Raises:
        UserError: if there is none or it is damaged.
    """
    path = folder / "result.json"
    if not path.exists():
        raise UserError(f"{folder} holds no finished comparison or run; finish it first, or name another folder")
    return read_json(path)


def write_result(folder: Path, result: dict[str, Any]) -> None:
    """Leave everything behind that a finished comparison has.

    Raises:
        UserError: if a file cannot be written; what stood there stays.
    """
    task = result["task"]
    told = README.format(description=task["description"], command=result["command"], primary=task["primary"]["name"])
    write_json(folder / "environment.json", result["environment"])
    write_text(folder / "results.csv", results_table(result))
    write_text(folder / "README.md", told)
    write_json(folder / "result.json", result)


def results_table(result: dict[str, Any]) -> str:
    """One line an arm and seed as CSV; an arm that was never trained has one line without a seed."""
    costs = ("body", "fixed", "embedding", "readout")
    seeds = [seed for arm in result["arms"] for seed in arm["seeds"]]
    metrics = sorted({name for seed in seeds for name in seed["metrics"]})
    lengths = sorted({int(length) for seed in seeds for length in seed["by_length"]})
    at_length = [f"{result['task']['primary']['name']}@{length}" for length in lengths]
    lines = io.StringIO()
    table = csv.writer(lines, lineterminator="\n")
    head = ("arm", "family", "companion", "seed", "status", "valid", *metrics, *at_length, *costs)
    table.writerow([*head, "state_bytes", "flops_per_token"])
    for arm in result["arms"]:
        cost = arm["cost"]
        paid = [cost["parameters"][kind] for kind in costs] + [cost["state_bytes"], cost["flops_per_token"]]
        untrained = {"seed": None, "status": arm["status"], "metrics": {}, "by_length": {}}
        for seed in arm["seeds"] or [untrained]:
            scores = [seed["metrics"].get(name) for name in metrics]
            scores += [seed["by_length"].get(str(length)) for length in lengths]
            told = [seed["seed"], seed["status"], seed.get("valid")]
            table.writerow([arm["label"], arm["family"], arm["companion"], *told, *scores, *paid])
    return lines.getvalue()


def _has_scores(folder: Path) -> bool:
    """Whether a test score is known, or may have been: a file that somebody changed does not tell."""
    trials = (read_trial(path) for path in (folder / "trials").glob("*.json"))
    return any(trial is None or trial.get("test") is not None for trial in trials)


def _check_same(folder: Path, before: dict[str, Any], after: dict[str, Any]) -> None:
    """Raises ``UserError`` unless ``after`` goes on with the comparison ``before``, losing nothing of it."""
    if not {"models", "seeds"} <= set(before):
        raise UserError(f"{folder} is not empty and holds no comparison; choose another folder with --out")
    refuse_change(folder, "comparison", *(_without(config, MAY_CHANGE) for config in (before, after)))
    for name in MAY_GROW:
        fewer = set(before[name]) - set(after[name]) if name == "models" else before[name] > after[name]
        if fewer:
            raise UserError(
                f"{folder} holds a comparison with more {name} ({before[name]} there, {after[name]} here); its "
                "result would be lost: choose another folder with --out"
            )


def _without(config: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in config.items() if name not in names}
