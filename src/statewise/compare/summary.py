"""From the records of an experiment to its result: plain data, which the report and the terminal show."""

import math
import platform
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

import torch

from statewise.compare.arms import evaluated_lengths
from statewise.compare.builders import Builders
from statewise.compare.config import SCHEMA, CompareConfig
from statewise.compare.experiment import ArmRecord
from statewise.compare.source import version
from statewise.compare.verdict import decide_arms, is_solved, pair_up, recommend
from statewise.cost.flops import step_flops
from statewise.cost.parameters import count_parameters, state_bytes
from statewise.metrics.failures import fill_failures
from statewise.metrics.intervals import Interval, mean_interval, wilson_interval
from statewise.metrics.summaries import expected_best, median_steps
from statewise.tasks.base import Task


def summarise(
    config: CompareConfig, builders: Builders, task: Task, records: list[ArmRecord], command: str
) -> dict[str, Any]:
    """The result of a comparison; scores depend on the config alone, measured times stand apart under ``cost``."""
    arms = [_arm(record, builders, task) for record in records]
    baselines = _baselines(task)
    decision = decide_arms(task, arms)
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
        "recommendation": recommend(config, task, records, arms, baselines, decision),
        "arms": arms,
        "baselines": baselines,
        "pairs": pair_up(task, arms, decision),
        "examples": [
            {"arm": record.arm.label, **seed["example"]}
            for record in records
            for seed in record.seeds[:1]
            if seed.get("example")
        ],
    }


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
    }


def _arm(record: ArmRecord, builders: Builders, task: Task) -> dict[str, Any]:
    arm = record.chosen
    finished = [seed for seed in record.seeds if seed["status"] == "ok"]
    status = "unreachable" if arm.reason else ("ok" if finished else "failed")
    failures = [seed["reason"] for seed in record.seeds if seed["status"] != "ok"]
    return {
        "label": arm.label,
        "model": arm.name,
        "family": arm.kind.family,
        "paper": arm.kind.paper,
        "baseline": arm.baseline,
        "status": status,
        "reason": arm.reason or (failures[0] if status == "failed" and failures else None),
        "config": {
            "task_options": dict(arm.setup.task_options),
            "model": asdict(arm.setup.model),
            "train": asdict(arm.setup.train),
        },
        "cost": _cost(record, builders, task),
        "tuning": [
            _only(trial, ("trial", "settings", "valid", "status", "reason", "seconds")) for trial in record.tuning
        ],
        "seeds": [_seed(seed) for seed in record.seeds],
        "score": _score(record, task),
        "solved": _solved(record, task),
        "expected_best": _expected_best(record, task),
    }


def _cost(record: ArmRecord, builders: Builders, task: Task) -> dict[str, Any]:
    with torch.random.fork_rng(devices=[]):
        model = builders.make_model(record.chosen.setup.model, task.input_form, task.output_size)
    parameters = count_parameters(model)
    measured = record.measured or {}
    return {
        "parameters": parameters._asdict(),
        "flops_per_token": sum(step_flops(model.body)),
        "state_bytes": state_bytes(model),
        **{name: measured.get(name) for name in ("step_latency_us", "tokens_per_second", "peak_memory_mb")},
    }


def _seed(seed: Mapping[str, Any]) -> dict[str, Any]:
    names = ("seed", "valid", "test", "metrics", "status", "reason", "seconds", "curve", "by_length", "solved_step")
    return {"metrics": {}, "curve": [], "by_length": {}, **_only(seed, names)}


def _only(source: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {
        name: source.get(name) for name in names if name in source or name in ("valid", "test", "reason", "solved_step")
    }


def _scores(seeds: list[dict[str, Any]]) -> list[float | None]:
    return [seed.get("test") for seed in seeds]


def _score(record: ArmRecord, task: Task) -> dict[str, Any] | None:
    """Mean over all seeds; a failed one counts as chance, or as the worst finished where that is unknown."""
    scores = _scores(record.seeds)
    if all(score is None for score in scores):
        return None
    filled = fill_failures({"": scores}, lower_is_better=task.primary.lower_is_better, worst=task.chance())[""]
    found = mean_interval(filled)
    low, high = _bounded(found, filled, task)
    return {"mean": found.mean, "low": low, "high": high, "n": found.n, "kind": found.kind}


def _bounded(found: Interval, scores: Iterable[float], task: Task) -> tuple[float | None, float | None]:
    """The ends of an interval, no further out than scores can be; None where nothing is known of one."""
    lowest, highest = task.primary.bounds
    low, high = max(found.low, min(lowest, *scores)), min(found.high, max(highest, *scores))
    return (low if math.isfinite(found.low) else None), (high if math.isfinite(found.high) else None)


def _solved(record: ArmRecord, task: Task) -> dict[str, Any] | None:
    if not task.bimodal or not record.seeds:
        return None
    solved = [is_solved(score, task) for score in _scores(record.seeds)]
    found = wilson_interval(sum(solved), len(solved))
    steps = [float(seed.get("solved_step") or record.chosen.setup.train.steps) for seed in record.seeds]
    reached = [seed.get("solved_step") is not None for seed in record.seeds]
    return {
        "fraction": found.mean,
        "low": found.low,
        "high": found.high,
        "median_steps": median_steps(steps, reached),
        "kind": found.kind,
    }


def _expected_best(record: ArmRecord, task: Task) -> list[dict[str, Any]]:
    scores = [trial.get("valid") if trial["status"] == "ok" else None for trial in record.tuning]
    if all(score is None for score in scores):
        return []
    values = expected_best(scores, lower_is_better=task.primary.lower_is_better, worst=task.chance())
    return [{"trials": k + 1, "value": value} for k, value in enumerate(values) if math.isfinite(value)]


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
