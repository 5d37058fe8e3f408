"""From the records of an experiment to its result: plain data, which the report and the terminal show."""

import math
import platform
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch

from statewise.compare.config import SCHEMA, CompareConfig
from statewise.compare.experiment import ArmRecord
from statewise.compare.tuning import on_the_edge
from statewise.compare.workbench import Workbench
from statewise.cost.flops import step_flops
from statewise.cost.parameters import count_parameters, state_bytes
from statewise.metrics.decisions import Decision, decide, decide_solved
from statewise.metrics.failures import fill_failures
from statewise.metrics.intervals import mean_interval, wilson_interval
from statewise.metrics.summaries import expected_best, median_steps
from statewise.tasks.base import Task

MARGIN = 0.01
"""Differences within this fraction of the best score are a tie"""


def summarise(
    config: CompareConfig, bench: Workbench, task: Task, records: list[ArmRecord], command: str
) -> dict[str, Any]:
    """The result of a comparison; scores depend on the config alone, measured times stand apart under ``cost``."""
    arms = [_arm(record, bench, task) for record in records]
    decision = _decide(task, arms)
    return {
        "schema": SCHEMA,
        "title": f"Comparison on {task.name}",
        "command": command,
        "task": _task(task),
        "config": asdict(config),
        "environment": environment(),
        "budget": {"match": config.match, "value": config.budget},
        "recommendation": _recommendation(config, task, records, arms, decision),
        "arms": arms,
        "baselines": _baselines(task),
        "pairs": _pairs(decision),
        "examples": [
            {"arm": a["label"], **dict(zip(("prompt", "target", "prediction"), s["example"], strict=True))}
            for a, r in zip(arms, records, strict=True)
            for s in r.seeds[:1]
            if "example" in s
        ],
        "hypotheses": [],
    }


def environment() -> dict[str, str]:
    """What the numbers were made with."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "system": f"{platform.system()} {platform.machine()}",
        "threads a trial": "1",
    }


def _task(task: Task) -> dict[str, Any]:
    primary = task.primary
    return {
        "name": task.name,
        "description": task.description,
        "primary": {
            "name": primary.name,
            "unit": primary.unit,
            "lower_is_better": primary.lower_is_better,
            "chance": task.chance(),
            "chance_label": "knowing nothing",
        },
        "train_lengths": list(task.train_lengths) if task.train_lengths else None,
        "bimodal": task.bimodal,
        "solved_at": task.solved_at,
    }


def _arm(record: ArmRecord, bench: Workbench, task: Task) -> dict[str, Any]:
    arm = record.chosen
    finished = [seed for seed in record.seeds if seed["status"] == "ok"]
    status = "unreachable" if arm.reason else ("ok" if finished else "failed")
    failures = [seed["reason"] for seed in record.seeds if seed["status"] != "ok"]
    return {
        "label": arm.label,
        "model": arm.name,
        "family": arm.kind.family,
        "paper": arm.kind.paper,
        "status": status,
        "reason": arm.reason or (failures[0] if status == "failed" and failures else None),
        "config": {"model": asdict(arm.model), "train": asdict(arm.train)},
        "cost": _cost(record, bench, task),
        "tuning": [
            _only(trial, ("trial", "settings", "valid", "status", "reason", "seconds")) for trial in record.tuning
        ],
        "seeds": [_seed(seed) for seed in record.seeds],
        "score": _score(record, task),
        "solved": _solved(record, task),
        "expected_best": _expected_best(record, task),
    }


def _cost(record: ArmRecord, bench: Workbench, task: Task) -> dict[str, Any]:
    with torch.random.fork_rng(devices=[]):
        model = bench.make_model(record.chosen.model, task.input_form, task.output_size)
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
    """Mean over all seeds; a failed one counts as knowing nothing, or as the worst finished where that is unknown."""
    scores = _scores(record.seeds)
    if all(score is None for score in scores):
        return None
    filled = fill_failures({"": scores}, lower_is_better=task.primary.lower_is_better, worst=task.chance())[""]
    found = mean_interval(filled)
    low, high = (bound if math.isfinite(bound) else None for bound in (found.low, found.high))
    return {"mean": found.mean, "low": low, "high": high, "n": found.n, "kind": found.kind}


def is_solved(score: float | None, task: Task) -> bool:
    """Whether a test score counts as having solved a task."""
    at = task.solved_at
    if score is None or at is None:
        return False
    return score <= at if task.primary.lower_is_better else score >= at


def _solved(record: ArmRecord, task: Task) -> dict[str, Any] | None:
    if not task.bimodal or not record.seeds:
        return None
    solved = [is_solved(score, task) for score in _scores(record.seeds)]
    found = wilson_interval(sum(solved), len(solved))
    steps = [float(seed.get("solved_step") or record.chosen.train.steps) for seed in record.seeds]
    reached = [seed.get("solved_step") is not None for seed in record.seeds]
    return {
        "fraction": found.mean,
        "low": found.low,
        "high": found.high,
        "median_steps": median_steps(steps, reached),
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
                "name": "memoryless optimum",
                "description": "closed form",
                "score": chance,
                "metrics": {task.primary.name: chance},
            }
        )
    return found


def _decide(task: Task, arms: list[dict[str, Any]]) -> Decision | None:
    ready = [arm for arm in arms if arm["status"] == "ok"]
    if not ready:
        return None
    if task.bimodal:
        return decide_solved({arm["label"]: [is_solved(s, task) for s in _scores(arm["seeds"])] for arm in ready})
    means = [abs(arm["score"]["mean"]) for arm in ready]
    best = min(means) if task.primary.lower_is_better else max(means)
    return decide(
        {arm["label"]: _scores(arm["seeds"]) for arm in ready},
        lower_is_better=task.primary.lower_is_better,
        margin=MARGIN * best,
        worst=task.chance(),
    )


def _pairs(decision: Decision | None) -> list[dict[str, Any]]:
    if decision is None or not decision.arms:
        return []
    names = ("difference", "low", "high", "probability_of_improvement", "n", "verdict")
    pairs = [
        {"a": decision.arms[0], "b": rival, **{name: getattr(pair, name) for name in names}}
        for rival, pair in decision.comparisons.items()
    ]
    return [
        {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in pair.items()} for pair in pairs
    ]


def _recommendation(
    config: CompareConfig, task: Task, records: list[ArmRecord], arms: list[dict[str, Any]], decision: Decision | None
) -> dict[str, Any]:
    if decision is None:
        return {"verdict": "undecided", "arms": [], "headline": "No arm finished a run.", "rests_on": _failures(arms)}
    labels = list(decision.arms)
    verdict, headline, reason = _verdict(task, arms, decision)
    rests_on = [
        reason,
        f"{config.seeds} fresh seed(s) an arm, after {config.trials} tuning trial(s) each, chosen on validation, "
        f"scored once on test by {task.primary.name} ({task.primary.unit}).",
        f"Every arm was made as wide as a budget of {config.budget:,} {config.match} allows; embeddings and "
        "readouts are counted apart.",
        *_against_baselines(task, arms),
        *_edges(records),
        *_failures(arms),
    ]
    return {"verdict": verdict, "arms": labels, "headline": headline, "rests_on": rests_on}


def _verdict(task: Task, arms: list[dict[str, Any]], decision: Decision) -> tuple[str, str, str]:
    """Verdict, headline and the first reason; where all or none solved a task, that says more than a test of it."""
    labels = list(decision.arms)
    fractions = {arm["label"]: arm["solved"]["fraction"] for arm in arms if arm["solved"]}
    if fractions and not any(fractions.values()):
        best = max((a for a in arms if a["score"]), key=lambda a: _worth(task, a["score"]["mean"]))["label"]
        return "undecided", f"No arm solved the task within this budget; {best} came nearest.", "Give it more steps."
    if len(labels) > 1 and all(fractions.get(label) == 1 for label in labels):
        return "tie", f"{' and '.join(labels)} all solve it; take the cheapest.", "They solved it with every seed."
    headline = {
        "winner": f"Take {labels[0]}.",
        "tie": f"{' and '.join(labels)} do equally well; take the cheapest.",
        "undecided": f"Undecided between {', '.join(labels)}.",
    }[decision.verdict]
    return decision.verdict, headline, decision.reason


def _worth(task: Task, score: float) -> float:
    return -score if task.primary.lower_is_better else score


def _against_baselines(task: Task, arms: list[dict[str, Any]]) -> list[str]:
    """Names the arms that an untrained baseline beats."""
    sign = 1.0 if task.primary.lower_is_better else -1.0
    found = []
    for name, metrics in task.baselines().items():
        beaten = [
            a["label"] for a in arms if a["score"] and sign * a["score"]["mean"] > sign * metrics[task.primary.name]
        ]
        if beaten:
            found.append(f"{name}, which need no training, beat {', '.join(beaten)}.")
    return found


def _edges(records: list[ArmRecord]) -> list[str]:
    edge = [r.arm.label for r in records if r.tuning and on_the_edge(r.chosen.train.learning_rate)]
    return [f"The best learning rate of {', '.join(edge)} lies at the edge of the range tried."] if edge else []


def _failures(arms: list[dict[str, Any]]) -> list[str]:
    return [f"{arm['label']}: {arm['reason']}." for arm in arms if arm["reason"]]
