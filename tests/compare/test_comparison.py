"""A comparison: budgets met, tuning equal, crashes survived, nothing repeated, one's own layers and tasks welcome."""

import json
import sys
from dataclasses import replace

import pytest

from statewise.catalog import SEQUENCE_LAYERS
from statewise.compare import experiment
from statewise.compare.arms import make_arms
from statewise.compare.budget import arm_cost
from statewise.compare.config import CompareConfig
from statewise.compare.experiment import Event, _Runner
from statewise.compare.jobs import ArmRecord, best_arm, measuring_job, seed_jobs, tuning_jobs
from statewise.compare.pool import Done
from statewise.compare.run import complete_comparison, run_comparison
from statewise.compare.trial_file import read_trial, write_trial
from statewise.errors import UserError
from statewise.tasks.recalling import Recall
from statewise.train.config import TrainConfig
from statewise.workbench import WORKBENCH

OWN = """
import os
import torch
from statewise.contract import SequenceLayer, Vectors
from statewise.tasks.recalling import DelayedRecall


class Leaky(SequenceLayer):
    def __init__(self, *, input_size, hidden_size, keep=0.9):
        super().__init__(Vectors(input_size), hidden_size)
        self.map = torch.nn.Linear(input_size, hidden_size)
        self.keep = keep

    def initial_state(self, batch_size):
        return self.zeros(batch_size, self.output_size)

    def step(self, x, state):
        h = self.keep * state + self.map(x)
        return h, h


class Crashing(Leaky):
    def step(self, x, state):
        if self.training:
            os._exit(9)
        return super().step(x, state)


class Raising(Leaky):
    def _sequence(self, x, state):
        raise RuntimeError("no luck today")


class Short(DelayedRecall):
    name = "short"

    def __init__(self, *, delay: int = 1):
        super().__init__(delay=delay, shortest=6, longest=6, evaluation_sequences=32)
"""


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("own")
    (folder / "own_models.py").write_text(OWN)
    sys.path.insert(0, str(folder))
    yield "own_models"
    sys.path.remove(str(folder))


def small(own: str) -> CompareConfig:
    return CompareConfig(
        task=f"{own}:Short",
        models=("lstm", f"{own}:Leaky", f"{own}:Crashing", f"{own}:Raising"),
        vary={"optimizer": ("adamw", "sgd")},
        budget=2000,
        depth=1,
        seeds=1,
        trials=2,
        lengths=(6, 12),
        train=TrainConfig(steps=5, evaluate_every=5, batch_size=8),
        measure=False,
    )


@pytest.fixture(scope="module")
def compared(own: str, tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("comparison")
    events: list[Event] = []
    result = run_comparison(small(own), WORKBENCH, folder, command="none", on_event=events.append)
    return folder, result, events


@pytest.fixture(scope="module")
def finished(own: str, tmp_path_factory: pytest.TempPathFactory):
    """A comparison in which no process dies: each that does has to be replaced, which takes seconds."""
    config = replace(small(own), models=("lstm", f"{own}:Raising"), vary={}, trials=1)
    folder = tmp_path_factory.mktemp("finished")
    return config, folder, run_comparison(config, WORKBENCH, folder, command="none")


def test_ones_own_layer_and_task_take_part(compared):
    arms = {arm["label"]: arm for arm in compared[1]["arms"]}
    assert arms["own_models:Leaky optimizer=sgd"]["status"] == "ok"
    assert arms["own_models:Leaky optimizer=sgd"]["config"]["train"]["optimizer"] == "sgd"
    assert set(arms["lstm optimizer=adamw"]["seeds"][0]["by_length"]) == {"6", "12"}


def test_a_crash_is_one_failed_trial_and_an_exception_a_reason(compared):
    arms = {arm["label"]: arm for arm in compared[1]["arms"]}
    assert "exit code 9" in arms["own_models:Crashing optimizer=adamw"]["reason"]
    assert "no luck today" in arms["own_models:Raising optimizer=adamw"]["reason"]
    assert len(arms["own_models:Leaky optimizer=adamw"]["tuning"]) == 2


def test_every_arm_gets_the_same_number_of_trials(compared):
    assert {len(arm["tuning"]) for arm in compared[1]["arms"]} == {2}


def test_every_trial_is_told_once(compared):
    assert sum(event.what == "started" for event in compared[2]) == 24


def test_started_again_it_repeats_no_finished_trial(finished):
    config, folder, result = finished
    again: list[Event] = []
    same = run_comparison(config, WORKBENCH, folder, command="none", on_event=again.append)
    assert {event.arm for event in again if event.what == "started"} == {"own_models:Raising"}
    assert scores(same) == scores(result)


def seconds(trial):
    trial["result"]["seconds"] = "long"


def score(trial):
    if trial["result"].get("test") is not None:
        trial["result"]["test"] = 0.001


def no_result(trial):
    del trial["result"]


CHANGES = {
    "cut": lambda text: text[:40],
    "a text for a figure": lambda text: changed(text, seconds),
    "another score": lambda text: changed(text, score),
    "no result": lambda text: changed(text, no_result),
    "no object": lambda text: "[1]",
}


def changed(text, change):
    trial = json.loads(text)
    change(trial)
    return json.dumps(trial)


@pytest.mark.parametrize("kind", CHANGES)
def test_what_was_changed_by_hand_or_broken_is_no_trial(kind, tmp_path):
    path = tmp_path / "a.json"
    write_trial(path, {"valid": 1.0, "test": 1.0, "seconds": 2.0})
    path.write_text(CHANGES[kind](path.read_text()))
    assert read_trial(path) is None


def test_trials_that_were_changed_by_hand_are_said_and_run_again(finished):
    config, folder, result = finished
    changes = {path: changed(path.read_text(), score) for path in (folder / "trials").glob("*.json")}
    changes = {path: text for path, text in changes.items() if "0.001" in text}
    for path, text in changes.items():
        path.write_text(text)
    events: list[Event] = []
    same = run_comparison(config, WORKBENCH, folder, command="none", on_event=events.append)
    assert [event.broken for event in events if event.what == "broken"] == [len(changes)]
    assert scores(same) == scores(result)
    assert all(read_trial(path) for path in changes)


def test_the_file_of_one_trial_is_not_taken_for_another_s(tmp_path):
    write_trial(tmp_path / "a.json", {"valid": 1.0})
    (tmp_path / "b.json").write_text((tmp_path / "a.json").read_text())
    assert read_trial(tmp_path / "a.json") == {"valid": 1.0}
    assert read_trial(tmp_path / "b.json") is None


def test_results_stand_in_the_folder(compared):
    folder, result, _ = compared
    assert scores(json.loads((folder / "result.json").read_text())) == scores(result)
    lines = (folder / "results.csv").read_text().splitlines()
    assert len(lines) == 1 + sum(len(arm["seeds"]) for arm in result["arms"])


def scores(result):
    return [(arm["label"], arm["score"], [seed["by_length"] for seed in arm["seeds"]]) for arm in result["arms"]]


@pytest.mark.parametrize("budget", [30_000, 100_000])
def test_every_entry_meets_the_budget(budget: int):
    task = Recall()
    config = CompareConfig(models=tuple(SEQUENCE_LAYERS), budget=budget)
    for arm in make_arms(config, task, WORKBENCH):
        assert arm.reason is None, arm.label
        assert arm_cost("parameters", task, WORKBENCH, arm.setup.model) == pytest.approx(budget, rel=0.15), arm.label


def test_a_field_that_only_some_models_have_is_refused_for_all():
    with pytest.raises(UserError, match="gru has no such field"):
        make_arms(CompareConfig(models=("lstm", "gru"), fixed={"forget_bias": 1.0}), Recall(), WORKBENCH)


def test_a_field_that_is_said_twice_under_two_names_is_refused():
    config = CompareConfig(models=("lstm",), vary={"forget_bias": (0.0, 1.0)}, fixed={"layer.forget_bias": 2.0})
    with pytest.raises(UserError, match="said twice"):
        make_arms(config, Recall(), WORKBENCH)


def test_state_can_be_matched_and_what_cannot_is_said():
    config = CompareConfig(models=("lstm", "min-gru"), match="state", budget=1024)
    arms = make_arms(config, Recall(), WORKBENCH)
    assert [arm_cost("state", Recall(), WORKBENCH, arm.setup.model) for arm in arms] == pytest.approx(
        [1024, 1024], rel=0.15
    )
    with pytest.raises(UserError, match="smallest size costs"):
        make_arms(CompareConfig(models=("ntm",), match="state", budget=100), Recall(), WORKBENCH)


def test_windows_span_the_longest_length_evaluated():
    (arm,) = make_arms(CompareConfig(models=("attention",), lengths=(32, 200)), Recall(), WORKBENCH)
    assert arm.setup.model.options["context_length"] == 200


@pytest.mark.parametrize("said", ["attention", {"layer": "attention", "options": {"heads": 2}}])
def test_a_layer_inside_stands_in_the_arm_with_all_its_options(said: str | dict):
    config = CompareConfig(models=("ntm",), fixed={"layer.controller": said}, lengths=(32, 200))
    (arm,) = make_arms(config, Recall(), WORKBENCH)
    inside = arm.setup.model.options["controller"]
    assert inside["layer"] == "attention"
    assert inside["options"]["context_length"] == 200
    assert arm.reason is None


def test_an_arm_that_is_finished_is_told_of_while_another_is_tuned(tmp_path):
    config = CompareConfig(
        task="parity", models=("gru", "lstm"), budget=2000, depth=1, seeds=2, trials=2, measure=False
    )
    config, task = complete_comparison(config, WORKBENCH)
    told: list[tuple[str, str, str]] = []
    runner = _Runner(config, task, WORKBENCH, tmp_path, lambda event: told.append((event.what, event.phase, event.arm)))
    records = [ArmRecord(arm, [], arm, [], None) for arm in make_arms(config, task, WORKBENCH)[:2]]
    jobs = {record.arm.label: list(tuning_jobs(config, task, record)) for record in records}
    finished = records[0]
    for job, valid in zip(jobs["gru"], (0.6, 0.9), strict=True):
        write_trial(runner._path(job.spec), {"status": "ok", "valid": valid})
    tuned = replace(finished, tuning=[{**jobs["gru"][1].note, "status": "ok", "valid": 0.9}])
    tuned.chosen = best_arm(tuned, task)
    for job in seed_jobs(config, task, tuned):
        write_trial(runner._path(job.spec), {"status": "ok", "test": 0.9, "seconds": 2.0})
    for record in records:
        runner.look_ahead(record, jobs[record.arm.label])
    assert told == [("ahead", "seeds", "gru")] * 2
    assert finished.chosen is finished.arm


def test_what_a_busy_machine_measured_is_told_and_measured_again(tmp_path, monkeypatch: pytest.MonkeyPatch):
    config, task = complete_comparison(CompareConfig(task="parity", models=("gru",), budget=2000, depth=1), WORKBENCH)
    (arm, *_), told = make_arms(config, task, WORKBENCH), []
    runner = _Runner(config, task, WORKBENCH, tmp_path, lambda event: told.append(event.what))
    job = measuring_job(config, ArmRecord(arm, [], arm, [], None))
    for busy in (True, False, True):
        monkeypatch.setattr(
            experiment,
            "run_all",
            lambda specs, *_, busy=busy, **__: [Done(0, {"waited": 0.5, "busy": busy})] if specs else [],
        )
        ((_, result),) = runner.run("measuring", [job])
    assert not result["busy"]
    assert told == ["finished", "finished", "finished", "kept"]
