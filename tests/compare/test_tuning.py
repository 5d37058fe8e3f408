"""Tuning: every arm gets the same number of settings, and what a person decided is left alone."""

import math
import sys
import types
from dataclasses import replace

import pytest

from statewise.catalog import CATALOG
from statewise.compare.arms import make_arms
from statewise.compare.config import CompareConfig
from statewise.compare.jobs import TUNING_SEED, ArmRecord, best_arm, further_jobs, tuning_jobs
from statewise.compare.tuning import FURTHER, RATE, edge_of, search_space, settings
from statewise.compare.verdict import _range_of_rates
from statewise.contract import Knob
from statewise.tasks.computing import Adding
from statewise.tasks.recalling import Recall
from statewise.train.config import TrainConfig
from statewise.workbench import WORKBENCH

TRIALS = 5
RANGE = CompareConfig().learning_rates


def trained(**changes) -> dict[str, list]:
    """Arm -> the specs that tuning trains."""
    config = CompareConfig(**{"models": ("lstm",), "depth": 1, "budget": 2000, "trials": TRIALS, **changes})
    task = Adding(longest=12, shortest=12) if config.task == "adding" else Recall()
    arms = make_arms(config, task, WORKBENCH)
    return {
        arm.label: [job.spec for job in tuning_jobs(config, task, ArmRecord(arm, [], arm, [], None))] for arm in arms
    }


def test_a_varied_knob_keeps_its_value_in_every_trial_of_its_arm():
    found = trained(vary={"forget_bias": (0.0, 3.0)})
    for label, value in (("lstm forget_bias=0.0", 0.0), ("lstm forget_bias=3.0", 3.0)):
        assert [spec.model.options["forget_bias"] for spec in found[label]] == [value] * TRIALS
        assert len({spec.train.learning_rate for spec in found[label]}) == TRIALS


@pytest.mark.parametrize("name", ["learning_rate", "train.learning_rate"])
def test_a_set_learning_rate_is_the_one_of_every_trial(name: str):
    specs = trained(fixed={name: 1e-3})["lstm"]
    assert [spec.train.learning_rate for spec in specs] == [1e-3] * TRIALS
    assert len({spec.model.options["forget_bias"] for spec in specs}) == TRIALS


def test_where_all_is_decided_there_is_nothing_to_try():
    assert not trained(fixed={"learning_rate": 1e-3, "forget_bias": 1.0})["lstm"]


def test_one_trial_an_arm_leaves_no_choice_and_is_not_trained():
    assert not trained(trials=1)["lstm"]


def test_a_knob_reaches_the_layer_and_not_the_models_field_of_that_name():
    specs = trained(models=("tcn",))["tcn"]
    assert len({spec.model.options["dropout"] for spec in specs}) == TRIALS
    assert {spec.model.dropout for spec in specs} == {0.0}


def test_deciding_the_models_field_leaves_the_knob_of_that_name_open():
    specs = trained(models=("tcn",), fixed={"model.dropout": 0.1})["tcn"]
    assert {spec.model.dropout for spec in specs} == {0.1}
    assert len({spec.model.options["dropout"] for spec in specs}) == TRIALS


def test_a_knob_of_the_model_is_tuned_where_an_entry_asks_for_it(monkeypatch: pytest.MonkeyPatch):
    entry = replace(CATALOG["gru"], name="dropped", knobs=(Knob("drop_connect", 0.0, 0.6),))
    monkeypatch.setitem(sys.modules, "mine", types.SimpleNamespace(ENTRY=entry))
    specs = next(iter(trained(models=("mine:ENTRY",)).values()))
    assert len({spec.model.drop_connect for spec in specs}) == TRIALS
    assert max(spec.model.drop_connect for spec in specs) <= 0.6


def test_a_readout_in_closed_form_has_no_learning_rate_to_search():
    specs = trained(task="adding", models=("echo-state",))["echo-state"]
    assert {spec.train.readout for spec in specs} == {"ridge"}
    assert {spec.train.learning_rate for spec in specs} == {TrainConfig().learning_rate}
    assert len({spec.model.options["spectral_radius"] for spec in specs}) == TRIALS


def test_tuning_begins_with_what_is_configured_and_stays_in_range():
    entry = CATALOG["echo-state"]
    space = search_space(entry.knobs, [knob.name for knob in entry.knobs], (), rates=RANGE)
    configured = {RATE: 3e-3, "layer.spectral_radius": 0.9, "layer.leak_rate": 1.0}
    tried = settings(space, 9, configured=configured)
    assert tried == settings(space, 9, configured=configured)
    assert tried[0] == configured
    assert len(tried) == 9
    for setting in tried[1:]:
        assert all(knob.low <= setting[knob.name] <= knob.high for knob in space)


def test_more_trials_go_on_where_fewer_ended():
    space = [Knob(RATE, *RANGE, "log")]
    assert settings(space, 9, configured={RATE: 1.0})[:5] == settings(space, 5, configured={RATE: 1.0})


def test_the_ends_of_the_range_are_told_apart_where_nothing_lies_beyond():
    low, high = RANGE
    assert [edge_of(rate, RANGE, RANGE) for rate in (low, 1e-3, high)] == ["lower", None, "upper"]
    assert edge_of(high, [high, 10 * high], RANGE) is None


def tuned(good: dict[str, float], *, models: tuple[str, ...] = ("lstm", "gru"), **changes):
    """The records of arms after tuning in which trials with a learning rate near the good one validate best."""
    config = CompareConfig(models=models, depth=1, budget=2000, trials=TRIALS, **changes)
    task = Recall()
    records = [ArmRecord(arm, [], arm, [], None) for arm in make_arms(config, task, WORKBENCH)]
    for record in records:
        finish(record, tuning_jobs(config, task, record), good.get(record.arm.label, 1.0))
    return config, task, records


def finish(record: ArmRecord, jobs, good: float) -> None:
    for job in list(jobs):
        valid = -abs(math.log(job.spec.train.learning_rate / good))
        record.tuning.append({**job.note, "status": "ok", "reason": None, "valid": valid})


SETTLED = TrainConfig().learning_rate
ABOVE, BELOW = (1.01 * SETTLED, 100 * SETTLED), (SETTLED / 100, SETTLED / 1.01)
"""Ranges of which the configured rate, which is tried first, lies at an end"""


@pytest.mark.parametrize(("rates", "good", "factor"), [(ABOVE, 1e-9, 0.1), (BELOW, 1e9, 10)])
def test_an_arm_at_an_end_of_the_range_looks_beyond_it_and_every_arm_gets_as_many_trials(rates, good, factor):
    inside = math.sqrt(rates[0] * rates[1])
    config, task, records = tuned({"lstm": good, "gru": inside}, learning_rates=rates)
    further = further_jobs(config, task, records)
    lstm, gru = ([job for job in further if job.record is record] for record in records)
    assert len(lstm) == len(gru) == FURTHER
    found = [job.spec.train.learning_rate for job in lstm]
    assert found == pytest.approx([SETTLED * factor**0.5, SETTLED * factor], rel=0.01)
    assert all(rates[0] <= job.spec.train.learning_rate <= rates[1] for job in gru)
    assert [job.spec.train.seed for job in gru] == [TUNING_SEED + TRIALS, TUNING_SEED + TRIALS + 1]
    finish(records[0], lstm, good)
    assert best_arm(records[0], task).setup.train.learning_rate == found[-1]


def test_no_arm_gets_further_trials_where_all_are_well_inside():
    assert further_jobs(*tuned({"lstm": 2e-3, "gru": 2e-3})) == []


def test_an_arm_with_nothing_to_tune_gets_no_further_trials():
    config, task, records = tuned({"lstm": 1e9}, models=("lstm",), fixed={"learning_rate": 1e-3, "forget_bias": 1.0})
    assert further_jobs(config, task, records) == []


def test_what_was_tried_beyond_the_range_is_said_and_the_warning_names_the_flag_that_widens_it():
    good = {"lstm": 1e9, "gru": math.sqrt(BELOW[0] * BELOW[1])}
    config, task, records = tuned(good, learning_rates=BELOW)
    further = further_jobs(config, task, records)
    for record in records:
        finish(record, [job for job in further if job.record is record], good[record.arm.label])
    sentence, warning = _range_of_rates(config, task, records)
    assert "lstm lay at an end" in sentence
    assert f"every arm got {FURTHER} trials more" in sentence
    assert "of lstm is the largest one tried" in warning
    assert f"--learning-rates {BELOW[0]:g},{100 * BELOW[1]:g} " in warning
