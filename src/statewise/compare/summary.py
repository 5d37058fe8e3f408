"""From the records of an experiment to its result."""

import platform
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import torch

from statewise.compare.arm_result import describe_arm
from statewise.compare.arms import evaluated_lengths
from statewise.compare.builders import Builders
from statewise.compare.by_series import scores_by_series
from statewise.compare.config import SCHEMA, CompareConfig
from statewise.compare.hypotheses import Hypothesis, Judged, Said, judge
from statewise.compare.jobs import ArmRecord
from statewise.compare.outcomes import Outcomes, collect_outcomes
from statewise.compare.result import Baseline, Budget, Example, Primary, Result, TaskFacts
from statewise.compare.verdict import pair_up, recommend
from statewise.installed import version
from statewise.tasks.task import Task


def summarise(
    config: CompareConfig,
    builders: Builders,
    task: Task,
    records: list[ArmRecord],
    hypotheses: Mapping[Hypothesis, Said],
    command: str,
) -> Result:
    """The result of a finished experiment."""
    outcomes = collect_outcomes(config, task, records)
    baselines = _baselines(task)
    decision = outcomes.decide()
    return Result(
        schema=SCHEMA,
        title=f"Comparison on {subject_of(config, task)}",
        created=datetime.now().astimezone().isoformat(timespec="seconds"),
        command=command,
        package_version=version("statewise"),
        task=_task(task, evaluated_lengths(config, task)),
        config=config,
        environment=environment(),
        budget=Budget(config.match, config.budget),
        recommendation=recommend(config, outcomes, records, baselines, decision),
        arms=[describe_arm(record, task, outcomes, builders) for record in records],
        baselines=baselines,
        series=scores_by_series(task, records),
        pairs=pair_up(outcomes, decision),
        examples=[
            Example(record.arm.label, **seed["example"])
            for record in records
            for seed in record.seeds[:1]
            if seed.get("example")
        ],
        hypotheses=[_judged(hypothesis, said, outcomes) for hypothesis, said in hypotheses.items()],
    )


def subject_of(config: CompareConfig, task: Task | type[Task]) -> str:
    """What was learnt: the names of the files that were read, else the task's."""
    read = [str(config.task_options[option]) for option in task.files if config.task_options.get(option)]
    return ", ".join(Path(name).name for name in read) or task.name


def _judged(hypothesis: Hypothesis, said: Said, outcomes: Outcomes) -> Judged:
    """A hypothesis with what came of it."""
    known = {hypothesis.a, hypothesis.b} <= outcomes.runs.keys()
    judged = judge(hypothesis, outcomes.compare(hypothesis.a, hypothesis.b) if known else None, outcomes.unit)
    return replace(judged, said=said)


def environment() -> dict[str, str]:
    """What the numbers were made with."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "system": f"{platform.system()} {platform.machine()}",
        "threads a trial": "1",
    }


def _task(task: Task, lengths: tuple[int, ...]) -> TaskFacts:
    primary = Primary(
        name=task.primary.name,
        unit=task.primary.unit,
        lower_is_better=task.primary.lower_is_better,
        chance=task.chance(),
        chance_label="chance",
        chance_by_length={length: task.chance_at(length) for length in lengths},
    )
    return TaskFacts(
        name=task.name,
        description=task.description,
        primary=primary,
        train_lengths=task.train_lengths,
        bimodal=task.bimodal,
        solved_at=task.solved_at,
        notes=list(task.notes),
        verb=task.verb,
    )


def _baselines(task: Task) -> list[Baseline]:
    name, chance = task.primary.name, task.chance()
    found = [
        Baseline(rule, "needs no training", metrics[name], dict(metrics)) for rule, metrics in task.baselines().items()
    ]
    if not found and chance is not None:
        return [Baseline("chance", "the best answer that does not look at the input", chance, {name: chance})]
    return found
