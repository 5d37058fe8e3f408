"""A whole comparison: tune every arm alike, train the chosen settings on fresh seeds, score once, measure, decide."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from statewise.compare.arms import Arm, evaluated_lengths, fields_of
from statewise.compare.builders import Builders
from statewise.compare.config import CompareConfig
from statewise.compare.pool import run_all
from statewise.compare.trial import TrialSpec
from statewise.compare.tuning import search_space, settings
from statewise.storage import write_text
from statewise.tasks.base import Task

TUNING_SEED = 10_000
"""Tuning trains on seeds from here on, so that no reported seed was chosen on"""


@dataclass(frozen=True)
class Event:
    """Something to tell a person who watches."""

    what: str
    """``kept`` once a phase where trials of it were finished before, ``started`` or ``finished`` of a trial"""
    phase: str
    """``tuning``, ``seeds`` or ``measuring``"""
    arm: str
    done: int
    """Trials finished in all phases so far"""
    total: int
    result: dict[str, Any] | None = None
    before: bool = False
    """Whether it was finished before and is only read now"""
    kept: int = 0
    """How many trials of the phase were finished before"""


Watch = Callable[[Event], None]


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
class _Job:
    """A trial to be run for an arm, with what has to be remembered of it."""

    record: ArmRecord
    spec: TrialSpec
    note: dict[str, Any]


def run_experiment(
    config: CompareConfig, task: Task, arms: list[Arm], builders: Builders, folder: Path, watch: Watch
) -> list[ArmRecord]:
    """Run all trials that are not finished yet in ``folder``; results are written as each trial ends.

    Raises:
        UserError: if the folder cannot be written or an arm is impossible.
    """
    records = [ArmRecord(arm, [], arm, [], None) for arm in arms]
    able = [record for record in records if record.arm.reason is None]
    tuning = [job for record in able for job in _tuning_jobs(config, task, record)]
    runner = _Runner(config, builders, folder, watch, total=len(tuning) + len(able) * (config.seeds + config.measure))
    tuned = runner.run("tuning", tuning)
    for record in able:
        record.tuning = [{**job.note, **result} for job, result in tuned if job.record is record]
        record.chosen = _best(record, task)
    scored = runner.run("seeds", [job for record in able for job in _seed_jobs(config, task, record)])
    for record in able:
        record.seeds = [{**job.note, **result} for job, result in scored if job.record is record]
    if config.measure:
        jobs = [_Job(record, replace(_spec(config, record.chosen), measured=True), {}) for record in able]
        for job, result in runner.run("measuring", jobs):
            job.record.measured = result
    return records


class _Runner:
    """Runs the jobs of a phase, taking finished ones from the folder."""

    def __init__(self, config: CompareConfig, builders: Builders, folder: Path, watch: Watch, total: int) -> None:
        self.config = config
        self.builders = builders
        self.folder = folder
        self.watch = watch
        self.total = total
        self.done = 0

    def run(self, phase: str, jobs: list[_Job]) -> list[tuple[_Job, dict[str, Any]]]:
        """Results of all jobs, in order."""
        results: dict[int, dict[str, Any]] = {}
        missing = []
        for place, job in enumerate(jobs):
            found = read_trial(self._path(job.spec), measured=job.spec.measured)
            if found is None:
                missing.append(place)
            else:
                results[place] = found
                self._tell("finished", phase, job, found, before=True)
        if results:
            self.watch(Event("kept", phase, "", self.done, self.total, kept=len(results)))
        specs = [jobs[place].spec for place in missing]
        measuring = phase == "measuring"
        workers = 1 if measuring else self.config.workers

        def started(index: int) -> None:
            self._tell("started", phase, jobs[missing[index]], None)

        for done in run_all(specs, self.builders, workers=workers, fresh=measuring, started=started):
            job = jobs[missing[done.place]]
            if done.result.get("status") != "failed":
                write_text(self._path(job.spec), json.dumps(done.result))
            results[missing[done.place]] = done.result
            self._tell("finished", phase, job, done.result)
        return [(job, results[place]) for place, job in enumerate(jobs)]

    def _path(self, spec: TrialSpec) -> Path:
        return self.folder / "trials" / f"{spec.address()}.json"

    def _tell(self, what: str, phase: str, job: _Job, result: dict[str, Any] | None, *, before: bool = False) -> None:
        self.done += what == "finished"
        self.watch(Event(what, phase, job.record.arm.label, self.done, self.total, result, before))


def read_trial(path: Path, *, measured: bool) -> dict[str, Any] | None:
    """The result of a finished trial; None where there is none or the file was damaged, so that it is run again."""
    needed = {"seconds", *(("step_latency_us",) if measured else ("status", "valid"))}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and needed <= set(found) else None


def _tuning_jobs(config: CompareConfig, task: Task, record: ArmRecord) -> list[_Job]:
    arm = record.arm
    kind, ridge = arm.kind, arm.setup.train.readout == "ridge"
    space = search_space(kind.knobs, kind.options, arm.decided, closed_form=ridge)
    fields = fields_of(arm.name, kind, task)
    configured = {dimension.field: fields.get(arm.setup, dimension.field) for dimension in space}
    jobs = []
    for number, setting in enumerate(settings(space, config.trials, configured=configured)):
        spec = _spec(config, _with_settings(arm, task, setting), seed=TUNING_SEED + number)
        jobs.append(_Job(record, spec, {"trial": number, "settings": setting}))
    return jobs


def _seed_jobs(config: CompareConfig, task: Task, record: ArmRecord) -> list[_Job]:
    jobs = []
    for seed in range(config.seeds):
        spec = _spec(config, record.chosen, seed=seed)
        jobs.append(_Job(record, replace(spec, test=True, lengths=evaluated_lengths(config, task)), {"seed": seed}))
    return jobs


def _spec(config: CompareConfig, arm: Arm, *, seed: int = 0) -> TrialSpec:
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


def _with_settings(arm: Arm, task: Task, settings: dict[str, Any]) -> Arm:
    return replace(arm, setup=fields_of(arm.name, arm.kind, task).set_all(arm.setup, settings))


def _best(record: ArmRecord, task: Task) -> Arm:
    """The arm with the settings of the trial that validated best; as configured where none finished."""
    sign = 1.0 if task.primary.lower_is_better else -1.0
    finished = [trial for trial in record.tuning if trial["status"] == "ok" and trial["valid"] is not None]
    if not finished:
        return record.arm
    return _with_settings(record.arm, task, min(finished, key=lambda trial: sign * trial["valid"])["settings"])
