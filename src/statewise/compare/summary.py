"""From the records of an experiment to its result: plain data, which the report and the terminal show."""

import platform
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import torch

from statewise.compare.arm_result import describe_arm
from statewise.compare.arms import evaluated_lengths
from statewise.compare.builders import Builders
from statewise.compare.config import SCHEMA, CompareConfig
from statewise.compare.hypotheses import Hypothesis, judge
from statewise.compare.jobs import ArmRecord
from statewise.compare.outcomes import Outcomes, collect_outcomes
from statewise.compare.source import version
from statewise.compare.verdict import pair_up, recommend
from statewise.tasks.base import Task


def summarise(
    config: CompareConfig,
    builders: Builders,
    task: Task,
    records: list[ArmRecord],
    hypotheses: Sequence[Hypothesis],
    command: str,
) -> dict[str, Any]:
    """The result of a comparison; scores depend on the config alone, measured times stand apart under ``cost``."""
    outcomes = collect_outcomes(config, task, records)
    baselines = _baselines(task)
    decision = outcomes.decide()
    return {
        "schema": SCHEMA,
        "title": f"Comparison on {task.name}",
        "created": datetime.now().astimezone().isoformat(timespec="seconds"),
        "command": command,
        "package_version": version("statewise"),
        "task": _task(task, evaluated_lengths(config, task)),
        "config": asdict(config),
        "environment": environment(),
        "budget": {"match": config.match, "value": config.budget},
        "recommendation": recommend(config, outcomes, records, baselines, decision),
        "arms": [describe_arm(record, outcomes, builders) for record in records],
        "baselines": baselines,
        "pairs": pair_up(outcomes, decision),
        "examples": [
            {"arm": record.arm.label, **seed["example"]}
            for record in records
            for seed in record.seeds[:1]
            if seed.get("example")
        ],
        "hypotheses": [_judged(hypothesis, outcomes) for hypothesis in hypotheses],
    }


def _judged(hypothesis: Hypothesis, outcomes: Outcomes) -> dict[str, Any]:
    """A hypothesis with what came of it."""
    known = {hypothesis.a, hypothesis.b} <= outcomes.runs.keys()
    unit = "the fraction of seeds that solved it" if outcomes.task.bimodal else outcomes.task.primary.name
    return judge(hypothesis, outcomes.compare(hypothesis.a, hypothesis.b) if known else None, unit)


def environment() -> dict[str, str]:
    """What the numbers were made with."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "system": f"{platform.system()} {platform.machine()}",
        "threads a trial": "1",
    }


def _task(task: Task, lengths: tuple[int, ...]) -> dict[str, Any]:
    primary = task.primary
    return {
        "name": task.name,
        "description": task.description,
        "primary": {
            "name": primary.name,
            "unit": primary.unit,
            "lower_is_better": primary.lower_is_better,
            "chance": task.chance(),
            "chance_label": "chance",
            "chance_by_length": {str(length): task.chance_at(length) for length in lengths},
        },
        "train_lengths": list(task.train_lengths) if task.train_lengths else None,
        "bimodal": task.bimodal,
        "solved_at": task.solved_at,
        "notes": list(task.notes),
    }


def _baselines(task: Task) -> list[dict[str, Any]]:
    found = [
        {
            "name": name,
            "description": "needs no training",
            "score": metrics[task.primary.name],
            "metrics": dict(metrics),
        }
        for name, metrics in task.baselines().items()
    ]
    chance = task.chance()
    if not found and chance is not None:
        found.append(
            {
                "name": "chance",
                "description": "the best answer that does not look at the input",
                "score": chance,
                "metrics": {task.primary.name: chance},
            }
        )
    return found
