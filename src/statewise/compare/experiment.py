"""A whole comparison: tune every arm alike, train the chosen settings on fresh seeds, score once, measure, decide."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from statewise.compare.arms import Arm
from statewise.compare.budget import arm_cost, passes_of
from statewise.compare.builders import Builders
from statewise.compare.config import CompareConfig
from statewise.compare.jobs import ArmRecord, Job, best_arm, further_jobs, measuring_job, seed_jobs, tuning_jobs
from statewise.compare.measure import UPDATES
from statewise.compare.pool import run_all
from statewise.compare.trial import TrialSpec
from statewise.compare.trial_file import read_trial, write_trial
from statewise.tasks.task import Task


class Planned(NamedTuple):
    """A trial that is to come."""

    phase: str
    arm: str
    operations: int
    """Of its updates on sequences of one step, to hold it against others of the same comparison"""


@dataclass(frozen=True)
class Event:
    """Something to tell a person who watches."""

    what: str
    """``planned`` of trials to come, ``ahead`` of one of them that is finished already and will be read later, ``kept``
    and ``broken`` once a phase where there were such trials, ``started`` or ``finished`` of a trial"""
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
    broken: int = 0
    """How many files of trials of the phase were changed by hand or broken, and are run again"""
    planned: tuple[Planned, ...] = ()
    workers: int = 0
    """How many of them run side by side, where some are planned"""


OnEvent = Callable[[Event], None]


def run_experiment(
    config: CompareConfig, task: Task, arms: list[Arm], builders: Builders, folder: Path, on_event: OnEvent
) -> list[ArmRecord]:
    """Run all trials that are not finished yet in ``folder``; results are written as each trial ends.

    What was measured while the machine was busy is told but not kept: the same command measures it again.

    Raises:
        UserError: if the folder cannot be written or an arm is impossible.
    """
    records = [ArmRecord(arm, [], arm, [], None) for arm in arms]
    able = [record for record in records if record.arm.reason is None]
    jobs = [job for record in able for job in tuning_jobs(config, task, record)]
    runner = _Runner(config, task, builders, folder, on_event)
    later = [("seeds", record.arm) for record in able for _ in range(config.seeds)]
    later += [("measuring", record.arm) for record in able if config.measure]
    runner.plan([*(("tuning", job.record.arm) for job in jobs), *later])
    for record in able:
        runner.look_ahead(record, [job for job in jobs if job.record is record])
    for job, result in runner.run("tuning", jobs):
        job.record.tuning.append({**job.note, **result})
    further = further_jobs(config, task, able)
    runner.plan([("tuning", job.record.arm) for job in further])
    for job, result in runner.run("tuning", further):
        job.record.tuning.append({**job.note, **result})
    for record in able:
        record.chosen = best_arm(record, task)
    for job, result in runner.run("seeds", [job for record in able for job in seed_jobs(config, task, record)]):
        job.record.seeds.append({**job.note, **result})
    if config.measure:
        for job, result in runner.run("measuring", [measuring_job(config, record) for record in able]):
            job.record.measured = result
    return records


class _Runner:
    """Runs the jobs of a phase, taking finished ones from the folder."""

    def __init__(self, config: CompareConfig, task: Task, builders: Builders, folder: Path, on_event: OnEvent) -> None:
        self.config = config
        self.task = task
        self.builders = builders
        self.folder = folder
        self.on_event = on_event
        self.done = self.total = 0
        self.operations: dict[str, int] = {}
        """Arm -> what an update of it takes"""

    def plan(self, trials: Sequence[tuple[str, Arm]]) -> None:
        """Tell of trials to come, each by its phase and arm."""
        planned = tuple(Planned(phase, arm.label, self._operations(phase, arm)) for phase, arm in trials)
        self.total += len(planned)
        told = Event("planned", "", "", self.done, self.total, planned=planned, workers=self.config.workers)
        self.on_event(told)

    def _operations(self, phase: str, arm: Arm) -> int:
        train = arm.setup.train
        if arm.label not in self.operations:
            a_token = arm_cost("flops", self.task, self.builders, arm.setup.model)
            self.operations[arm.label] = a_token * passes_of(train) * train.batch_size * train.accumulate
        return self.operations[arm.label] * (UPDATES if phase == "measuring" else train.steps)

    def look_ahead(self, record: ArmRecord, tuning: list[Job]) -> None:
        """Tell which seeds and measurements of an arm are finished already, if all its tuning trials are."""
        found = [read_trial(self._path(job.spec)) for job in tuning]
        trials = [{**job.note, **result} for job, result in zip(tuning, found, strict=True) if result is not None]
        if len(trials) < len(tuning):
            return
        tuned = replace(record, tuning=trials)
        tuned.chosen = best_arm(tuned, self.task)
        later = [("seeds", job) for job in seed_jobs(self.config, self.task, tuned)]
        later += [("measuring", measuring_job(self.config, tuned))] if self.config.measure else []
        for phase, job in later:
            result = read_trial(self._path(job.spec))
            if result is not None:
                self._tell("ahead", phase, job, result)

    def run(self, phase: str, jobs: list[Job]) -> list[tuple[Job, dict[str, Any]]]:
        """Results of all jobs, in order."""
        results: dict[int, dict[str, Any]] = {}
        missing = []
        for place, job in enumerate(jobs):
            found = read_trial(self._path(job.spec))
            if found is None:
                missing.append(place)
            else:
                results[place] = found
                self._tell("finished", phase, job, found, before=True)
        if results:
            self.on_event(Event("kept", phase, "", self.done, self.total, kept=len(results)))
        broken = sum(self._path(jobs[place].spec).exists() for place in missing)
        if broken:
            self.on_event(Event("broken", phase, "", self.done, self.total, broken=broken))
        specs = [jobs[place].spec for place in missing]
        measuring = phase == "measuring"
        workers = 1 if measuring else self.config.workers

        def started(index: int) -> None:
            self._tell("started", phase, jobs[missing[index]], None)

        for done in run_all(specs, self.builders, workers=workers, fresh=measuring, started=started):
            job = jobs[missing[done.place]]
            if done.result.get("status") != "failed" and not done.result.get("busy"):
                write_trial(self._path(job.spec), done.result)
            results[missing[done.place]] = done.result
            self._tell("finished", phase, job, done.result)
        return [(job, results[place]) for place, job in enumerate(jobs)]

    def _path(self, spec: TrialSpec) -> Path:
        return self.folder / "trials" / f"{spec.address()}.json"

    def _tell(self, what: str, phase: str, job: Job, result: dict[str, Any] | None, *, before: bool = False) -> None:
        self.done += what == "finished"
        self.on_event(Event(what, phase, job.record.arm.label, self.done, self.total, result, before))
