"""The folder and the result of a study."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from statewise.compare.config import SCHEMA
from statewise.compare.statements import judge_statement
from statewise.compare.study import Study, comparisons_of
from statewise.installed import version
from statewise.storage import holds_config, read_json, refuse_change, write_json, write_text

README = """# A statewise study: {name}

{question} Made by `{command}`; the same command goes on where it was stopped and repeats no finished trial.

- `study.html`: read this; it needs no network
- `result.json`: what came of every statement and hypothesis, and what each rests on
- one folder a comparison, each with its own `report.html`: {parts}
"""
LEARNT = ("label", "score", "solved", "spent", "reason", "companion")
"""What a study shows of an arm"""


def open_study(folder: Path, study: Study) -> None:
    """Make the folder of a study, or go on in that of the same one; its comparisons look after their own folders.

    Raises:
        UserError: if it cannot be written, or holds something else.
    """
    written = {"study": study.name, "comparisons": [part.name for part in study.parts]}
    if holds_config(folder, "study"):
        refuse_change(folder, "study", read_json(folder / "config.json"), written)
    write_json(folder / "config.json", written)


def finished_parts(folder: Path, study: Study) -> dict[str, dict[str, Any]]:
    """Name of a comparison -> its result, of those that an earlier run of the study finished.

    Raises:
        UserError: if one is damaged.
    """
    paths = {part.name: folder / part.name / "result.json" for part in study.parts}
    return {name: read_json(path) for name, path in paths.items() if path.exists()}


def write_study(folder: Path, study: Study, results: Mapping[str, dict[str, Any]], command: str) -> dict[str, Any]:
    """Judge the statements and leave the result behind, which is returned as plain data.

    Of a study that is not finished it is what is known: the comparisons that are missing are named, as are the
    statements about them, which are not judged.

    Raises:
        UserError: if a file cannot be written; what stood there stays.
    """
    there = [part for part in study.parts if part.name in results]
    judged = [statement for statement in study.statements if all(name in results for name in comparisons_of(statement))]
    result = {
        "schema": SCHEMA,
        "title": f"Study {study.name}",
        "created": datetime.now().astimezone().isoformat(timespec="seconds"),
        "command": command,
        "package_version": version("statewise"),
        "environment": results[there[0].name]["environment"],
        "question": study.question,
        "statements": [
            {**asdict(judge_statement(statement, results)), "comparisons": list(comparisons_of(statement))}
            for statement in judged
        ],
        "comparisons": [_learnt(part.name, part.asks, results[part.name]) for part in there],
        "missing": [{"name": part.name, "asks": part.asks} for part in study.parts if part not in there],
        "unjudged": [statement.says for statement in study.statements if statement not in judged],
    }
    parts = ", ".join(f"`{part.name}/`" for part in study.parts)
    told = README.format(name=study.name, question=study.question, command=command, parts=parts)
    write_text(folder / "README.md", told)
    write_json(folder / "result.json", result)
    return result


def is_study(result: Mapping[str, Any]) -> bool:
    """Whether a ``result.json`` is a study's."""
    return "comparisons" in result


def _learnt(name: str, asks: str, result: dict[str, Any]) -> dict[str, Any]:
    """What a study tells of one of its comparisons."""
    arms = [{key: arm[key] for key in LEARNT} | {"trainings": _trainings(arm)} for arm in result["arms"]]
    kept = {key: result[key] for key in ("task", "recommendation", "hypotheses")}
    return {"name": name, "asks": asks, **kept, "arms": arms}


def _trainings(arm: Mapping[str, Any]) -> int:
    """Tuning trials and seeds of an arm."""
    return len(arm["tuning"]) + len(arm["seeds"])
