"""What is trained for each arm: tuning trials, further ones beyond the range, seeds with the best setting."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from statewise.compare.arms import Arm, evaluated_lengths, fields_of
from statewise.compare.config import CompareConfig
from statewise.compare.trial import TrialSpec
from statewise.compare.tuning import FURTHER, RATE, Edge, beyond, edge_of, search_space, settings
from statewise.contract import Knob
from statewise.tasks.objective import Objective
from statewise.tasks.task import Task

TUNING_SEED = 10_000
"""Tuning trains on seeds from here on, so that no reported seed was chosen on"""


@dataclass
class ArmRecord:
    """Everything that was found out about an arm."""

    arm: Arm
    tuning: list[dict[str, Any]]
    """One a trial: its settings and its result"""
    chosen: Arm
    """The arm with the settings that validated best"""
    seeds: list[dict[str, Any]]
    """One a seed: the seed and its result"""
    measured: dict[str, Any] | None


@dataclass(frozen=True)
class Job:
    """A trial to be run for an arm, with what has to be remembered of it."""

    record: ArmRecord
    spec: TrialSpec
    note: dict[str, Any]


def tuning_jobs(config: CompareConfig, task: Task, record: ArmRecord) -> Iterator[Job]:
    """As many trials as configured, each with a setting of its own; none where there is one setting alone."""
    space, configured = _space(config, task, record.arm)
    tried = settings(space, config.trials, configured=configured)
    if len(tried) > 1:
        yield from _trials(config, task, record, tried)


def further_jobs(config: CompareConfig, task: Task, records: Sequence[ArmRecord]) -> list[Job]:
    """Where some arm's best learning rate is at an end of the range: ``FURTHER`` trials more for every tuned arm.

    An arm at an end spends them beyond it, with the rest of its best setting; the others go on filling the range.
    """
    edges = [edge_of_arm(config, task, record) for record in records]
    if not any(edges):
        return []
    jobs: list[Job] = []
    for record, edge in zip(records, edges, strict=True):
        if len(record.tuning) > 1:
            jobs += _trials(config, task, record, _further(config, task, record, edge))
    return jobs


def seed_jobs(config: CompareConfig, task: Task, record: ArmRecord) -> Iterator[Job]:
    """The chosen setting on every fresh seed, scored on test."""
    for seed in range(config.seeds):
        spec = _spec(config, record.chosen, seed=seed)
        yield Job(record, replace(spec, test=True, lengths=evaluated_lengths(config, task)), {"seed": seed})


def measuring_job(config: CompareConfig, record: ArmRecord) -> Job:
    """Time and memory of the chosen setting."""
    return Job(record, replace(_spec(config, record.chosen, seed=0), measured=True), {})


def best_arm(record: ArmRecord, task: Task) -> Arm:
    """The arm with the settings of the trial that validated best; as configured where none finished."""
    best = _best_trial(record, task)
    return _with_settings(record.arm, task, best["settings"]) if best else record.arm


def edge_of_arm(config: CompareConfig, objective: Objective, record: ArmRecord) -> Edge | None:
    """The end of the range at which an arm's best learning rate lies, where it was tuned and none lies beyond."""
    best = _best_trial(record, objective)
    if best is None or len(record.tuning) < 2 or RATE not in best["settings"]:
        return None
    tried = [trial["settings"][RATE] for trial in record.tuning]
    return edge_of(best["settings"][RATE], tried, config.learning_rates)


def _best_trial(record: ArmRecord, objective: Objective) -> dict[str, Any] | None:
    """The trial that validated best; None where none finished."""
    finished = [trial for trial in record.tuning if trial["status"] == "ok" and trial["valid"] is not None]
    return min(finished, key=lambda trial: objective.primary.as_loss(trial["valid"]), default=None)


def _space(config: CompareConfig, task: Task, arm: Arm) -> tuple[list[Knob], dict[str, Any]]:
    """What tuning varies of an arm, and the values configured."""
    rates = None if arm.setup.train.readout == "ridge" else config.learning_rates
    space = search_space(arm.kind.knobs, arm.kind.option_types, arm.decided, rates=rates)
    fields = fields_of(arm.name, arm.kind, task)
    return space, {knob.name: fields.get(arm.setup, knob.name) for knob in space}


def _further(config: CompareConfig, task: Task, record: ArmRecord, edge: Edge | None) -> list[dict[str, Any]]:
    """The settings of an arm's further trials."""
    best = _best_trial(record, task)
    if edge and best:
        return [{**best["settings"], RATE: rate} for rate in beyond(best["settings"][RATE], edge)]
    space, configured = _space(config, task, record.arm)
    return settings(space, config.trials + FURTHER, configured=configured)[config.trials :]


def _trials(config: CompareConfig, task: Task, record: ArmRecord, tried: Sequence[Mapping[str, Any]]) -> Iterator[Job]:
    """Tuning trials with these settings, numbered from where the arm's stand."""
    for number, setting in enumerate(tried, start=len(record.tuning)):
        spec = _spec(config, _with_settings(record.arm, task, setting), seed=TUNING_SEED + number)
        yield Job(record, spec, {"trial": number, "settings": dict(setting)})


def _spec(config: CompareConfig, arm: Arm, *, seed: int) -> TrialSpec:
    setup = arm.setup
    return TrialSpec(
        task=config.task,
        task_options=config.task_options,
        trained_options=setup.task_options,
        fingerprint=arm.fingerprint,
        source=arm.source,
        model=setup.model,
        train=replace(setup.train, seed=seed),
    )


def _with_settings(arm: Arm, task: Task, setting: Mapping[str, Any]) -> Arm:
    return replace(arm, setup=fields_of(arm.name, arm.kind, task).set_all(arm.setup, setting))
