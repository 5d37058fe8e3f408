"""A whole comparison: tune every arm alike, train the chosen settings on fresh seeds, score once, measure, decide."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from statewise.compare.arms import Arm
from statewise.compare.builders import Builders
from statewise.compare.config import CompareConfig
from statewise.compare.jobs import ArmRecord, Job, best_arm, further_jobs, measuring_job, seed_jobs, tuning_jobs
from statewise.compare.pool import run_all
from statewise.compare.trial import TrialSpec
from statewise.compare.trial_file import read_trial, write_trial
from statewise.tasks.task import Task


@dataclass(frozen=True)
class Event:
    """Something to tell a person who watches."""

    what: str
    """``kept`` and ``broken`` once a phase where there were such trials, ``started`` or ``finished`` of a trial"""
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
    runner = _Runner(config, builders, folder, on_event, total=len(jobs) + len(able) * (config.seeds + config.measure))
    for job, result in runner.run("tuning", jobs):
        job.record.tuning.append({**job.note, **result})
    further = further_jobs(config, task, able)
    runner.total += len(further)
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

    def __init__(self, config: CompareConfig, builders: Builders, folder: Path, on_event: OnEvent, total: int) -> None:
        self.config = config
        self.builders = builders
        self.folder = folder
        self.on_event = on_event
        self.total = total
        self.done = 0

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
