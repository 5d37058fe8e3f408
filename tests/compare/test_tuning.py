"""Tuning: every arm gets the same number of settings, and what a person decided is left alone."""

import pytest

from statewise.catalog import CATALOG
from statewise.compare.arms import make_arms
from statewise.compare.config import CompareConfig
from statewise.compare.experiment import ArmRecord, _tuning_jobs
from statewise.compare.tuning import RATE, RATE_RANGE, Dimension, edge_of, search_space, settings
from statewise.tasks.computing import Adding
from statewise.tasks.recalling import Recall
from statewise.train.config import TrainConfig
from statewise.workbench import WORKBENCH

TRIALS = 5


def trained(**changes) -> dict[str, list]:
    """Arm -> the specs that tuning trains."""
    config = CompareConfig(**{"models": ("lstm",), "depth": 1, "budget": 2000, "trials": TRIALS, **changes})
    task = Adding(longest=12, shortest=12) if config.task == "adding" else Recall()
    arms = make_arms(config, task, WORKBENCH)
    return {
        arm.label: [job.spec for job in _tuning_jobs(config, task, ArmRecord(arm, [], arm, [], None))] for arm in arms
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


def test_where_all_is_decided_there_is_one_trial():
    assert len(trained(fixed={"learning_rate": 1e-3, "forget_bias": 1.0})["lstm"]) == 1


def test_a_knob_reaches_the_layer_and_not_the_models_field_of_that_name():
    specs = trained(models=("tcn",))["tcn"]
    assert len({spec.model.options["dropout"] for spec in specs}) == TRIALS
    assert {spec.model.dropout for spec in specs} == {0.0}


def test_deciding_the_models_field_leaves_the_knob_of_that_name_open():
    specs = trained(models=("tcn",), fixed={"model.dropout": 0.1})["tcn"]
    assert {spec.model.dropout for spec in specs} == {0.1}
    assert len({spec.model.options["dropout"] for spec in specs}) == TRIALS


def test_a_readout_in_closed_form_has_no_learning_rate_to_search():
    specs = trained(task="adding", models=("echo-state",))["echo-state"]
    assert {spec.train.readout for spec in specs} == {"ridge"}
    assert {spec.train.learning_rate for spec in specs} == {TrainConfig().learning_rate}
    assert len({spec.model.options["spectral_radius"] for spec in specs}) == TRIALS


def test_tuning_begins_with_what_is_configured_and_stays_in_range():
    entry = CATALOG["echo-state"]
    space = search_space(entry.knobs, [knob.name for knob in entry.knobs], (), closed_form=False)
    configured = {RATE: 3e-3, "layer.spectral_radius": 0.9, "layer.leak_rate": 1.0}
    tried = settings(space, 9, configured=configured)
    assert tried == settings(space, 9, configured=configured)
    assert tried[0] == configured
    assert len(tried) == 9
    for setting in tried[1:]:
        assert all(dimension.low <= setting[dimension.field] <= dimension.high for dimension in space)


def test_more_trials_go_on_where_fewer_ended():
    space = [Dimension(RATE, *RATE_RANGE, "log")]
    assert settings(space, 9, configured={RATE: 1.0})[:5] == settings(space, 5, configured={RATE: 1.0})


def test_the_ends_of_the_range_are_told_apart():
    assert [edge_of(rate) for rate in (RATE_RANGE[0], 1e-3, RATE_RANGE[1])] == ["lower", None, "upper"]
