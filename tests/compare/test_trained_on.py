"""Arms that are trained with other options of their task than they are scored with."""

from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from statewise.compare import trial
from statewise.compare.arms import make_arms
from statewise.compare.config import CompareConfig
from statewise.compare.trained_on import task_to_train_on
from statewise.compare.trial import TrialSpec, run_trial
from statewise.errors import UserError
from statewise.models.config import ModelConfig
from statewise.tasks.batch import Split
from statewise.tasks.computing import Adding
from statewise.tasks.resolve import complete_options
from statewise.tasks.task import Task
from statewise.train.config import TrainConfig
from statewise.workbench import WORKBENCH

SCORED = complete_options("adding", {"shortest": 6, "longest": 6, "evaluation_sequences": 8})
TRAINED = complete_options("adding", {"shortest": 4, "longest": 4, "evaluation_sequences": 8})


class Seen(Adding):
    """Notes the lengths of what it is asked for."""

    seen: ClassVar[list[tuple[str, int]]] = []

    def train_batch(self, index: int, *, batch_size: int, seed: int):
        batch = super().train_batch(index, batch_size=batch_size, seed=seed)
        self.seen.append(("train", batch.shape[1]))
        return batch

    def evaluation(self, split: Split, *, batch_size: int, length: int | None = None):
        for batch in super().evaluation(split, batch_size=batch_size, length=length):
            self.seen.append((split, batch.shape[1]))
            yield batch


def make_seen(name: str, options: Mapping[str, Any]) -> Task:
    return Seen(**options)


def spec(readout: str, *, measured: bool = False) -> TrialSpec:
    model = ModelConfig(layer="echo-state" if readout == "ridge" else "gru", width=4, depth=1)
    train = TrainConfig(steps=2, batch_size=2, readout=readout)  # type: ignore[arg-type]
    return TrialSpec("adding", SCORED, TRAINED, "", "", model, train, test=True, measured=measured)


@pytest.mark.parametrize("readout", ["gradient", "ridge"])
@pytest.mark.parametrize("measured", [False, True])
def test_a_trial_is_trained_on_one_task_and_scored_on_the_other(
    readout: str, measured: bool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(Seen, "seen", [])
    run_trial(spec(readout, measured=measured), WORKBENCH._replace(make_task=make_seen))
    trained = {length for what, length in Seen.seen if what == "train"}
    scored = {length for what, length in Seen.seen if what != "train"}
    options = {"train": Seen(**TRAINED), "valid": Seen(**SCORED)}
    right = options["train"].train_batch(0, batch_size=1, seed=0).shape[1]
    asked = next(options["valid"].evaluation("valid", batch_size=1)).shape[1]
    assert right != asked
    assert (trained, scored) == ({right}, set() if measured and not scored else {asked})


def test_what_scores_is_the_task_itself_and_nothing_that_speaks_for_it(monkeypatch: pytest.MonkeyPatch):
    met: list[Task] = []
    monkeypatch.setattr(trial, "make_example", lambda model, task, batch_size: met.append(task))
    run_trial(spec("gradient"), WORKBENCH)
    assert [type(task) for task in met] == [Adding]


def test_arms_that_would_differ_in_form_are_refused():
    options = complete_options("recall", {})
    task = WORKBENCH.make_task("recall", options)
    assert task_to_train_on(task, WORKBENCH, "recall", options, options) is task
    with pytest.raises(UserError, match="would differ in inputs, so their scores cannot be compared"):
        task_to_train_on(task, WORKBENCH, "recall", options, {**options, "symbols": options["symbols"] + 2})


def test_an_arm_that_is_trained_longer_sees_as_far():
    config = CompareConfig(
        task="adding", task_options=SCORED, models=("attention",), budget=3000, depth=1, vary={"task.longest": (6, 90)}
    )
    short, long = make_arms(config, Adding(**SCORED), WORKBENCH)
    assert short.setup.model.options["context_length"] < long.setup.model.options["context_length"]
