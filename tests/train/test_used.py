"""What is said of a training and has no effect is refused, or said."""

from dataclasses import fields, replace
from typing import Any

import pytest

from statewise.compare.arms import make_arms
from statewise.compare.config import CompareConfig
from statewise.compare.run import complete_comparison
from statewise.errors import UserError
from statewise.models.config import ModelConfig
from statewise.train.config import TrainConfig
from statewise.train.start import make_trainer
from statewise.used import idle_fields, without_idle
from statewise.workbench import WORKBENCH

from .small import Rows, small_model


@pytest.mark.parametrize(
    ("said", "named"),
    [
        (
            {"readout": "ridge", "l1": 1e-3},
            "l1 has no effect with readout=ridge; leave it out, or say readout=gradient",
        ),
        ({"readout": "ridge", "pretraining": "greedy"}, "pretraining has no effect with readout=ridge"),
        ({"readout": "ridge", "clip": "none"}, "clip has no effect with readout=ridge"),
        ({"readout": "ridge", "clip_at": 0.5}, "clip_at has no effect with readout=ridge"),
        ({"readout": "ridge", "learning_rate": 0.1}, "learning_rate has no effect with readout=ridge"),
        ({"washout": 5}, "washout has no effect with readout=gradient; leave it out, or say readout=ridge"),
        ({"optimizer": "sgd", "betas": (0.9, 0.99)}, "betas has no effect with optimizer=sgd"),
        ({"decay_factor": 0.1}, "decay_factor has no effect with schedule=cosine; .* say schedule=step or plateau"),
        ({"clip": "none", "clip_at": 0.5}, "clip_at has no effect with clip=none; .* say clip=norm or value"),
        ({"curriculum_from": 3}, "curriculum_from has no effect with curriculum=none"),
    ],
)
def test_a_field_that_would_have_no_effect_is_refused_by_name(said: dict[str, Any], named: str) -> None:
    config = TrainConfig(**said)
    model = small_model("echo-state" if config.readout == "ridge" else "gru")
    with pytest.raises(UserError, match=named):
        make_trainer(model, Rows(), config)
    assert not idle_fields(without_idle(config))
    make_trainer(model, Rows(), without_idle(config))


@pytest.mark.parametrize("kind", [TrainConfig, ModelConfig])
def test_every_condition_is_of_fields_and_values_that_there_are(kind: type[TrainConfig] | type[ModelConfig]) -> None:
    known = {field.name for field in fields(kind)}
    for name, needs in kind.COUNTS_WITH.items():
        assert {name, needs.field} <= known
        for value in needs.values:
            assert getattr(kind(**{needs.field: value}), needs.field) == value  # type: ignore[arg-type]


def arms(**said: Any) -> list[Any]:
    config = CompareConfig(
        task="adding", budget=500, depth=1, lengths=(10,), task_options={"longest": 10, "shortest": 10}
    )
    config, task = complete_comparison(replace(config, **said), WORKBENCH)
    return make_arms(config, task, WORKBENCH)


def test_what_counts_for_some_arms_is_told_of_the_others() -> None:
    solved, descended = arms(models=("echo-state", "gru"), fixed={"l2": 1e-3, "washout": 2})
    assert solved.idle == ("l2=0.001 has no effect with readout=ridge",)
    assert descended.idle == ("washout=2 has no effect with readout=gradient",)
    assert (solved.setup.train.l2, solved.setup.train.washout) == (0.0, 2)
    assert (descended.setup.train.l2, descended.setup.train.washout) == (1e-3, 0)


def test_one_block_is_not_pretrained_and_several_are() -> None:
    one, two = arms(models=("gru",), vary={"depth": (1, 2)}, fixed={"pretraining": "greedy", "pretraining_share": 0.3})
    assert one.idle == ("pretraining=greedy has no effect with depth=1",)
    assert (one.setup.train.pretraining, one.setup.train.pretraining_share) == ("none", 0.5)
    assert (two.setup.train.pretraining, two.setup.train.pretraining_share) == ("greedy", 0.3)


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        (
            {"models": ("gru",), "fixed": {"pretraining": "greedy"}},
            "pretraining=greedy has no effect with depth=1, as all arms have it; leave it out",
        ),
        (
            {"models": ("gru",), "vary": {"pretraining": ("none", "greedy")}},
            "gru pretraining=greedy: pretraining has no effect with depth=1, so that arms would be the same",
        ),
        (
            {"models": ("gru",), "fixed": {"curriculum": "linear", "curriculum_from": 10}},
            "begins with length 10 has nothing to grow, as the longest is 10",
        ),
        ({"models": ("echo-state",), "fixed": {"train.l2": 1e-3}}, "l2=0.001 has no effect with readout=ridge, as all"),
        (
            {"models": ("gru", "lstm"), "fixed": {"dropout_mask": "sequence"}},
            "dropout_mask=sequence has no effect with dropout=0, as all",
        ),
        (
            {"models": ("gru",), "fixed": {"weight_norm": "weight"}, "vary": {"model.spectral_bound": (1.0, 2.0)}},
            "spectral_bound has no effect with weight_norm=weight, so that arms would be the same",
        ),
        (
            {"models": ("gru", "echo-state"), "vary": {"l2": (0.0, 1e-3)}},
            "echo-state l2=0.001: l2 has no effect with readout=ridge, so that arms would be the same",
        ),
    ],
)
def test_arms_that_would_be_the_same_and_what_counts_for_none_are_refused(said: dict[str, Any], cause: str) -> None:
    with pytest.raises(UserError, match=cause):
        arms(**said)
