"""What flags make of configs: what is given holds, also beside --quick; the rest is the library's."""

import re
from dataclasses import replace

import pytest

from statewise.cli import compare, train, verbs
from statewise.cli.dispatch import parse
from statewise.cli.words import read_words
from statewise.compare.config import CompareConfig
from statewise.generation.sampling import Sampling
from statewise.models.resolve import default_config
from statewise.runs.config import RunConfig
from statewise.train.config import TrainConfig

TASK_FLAGS = {"longest": 6, "shortest": 2}


def comparison(words: str = "") -> CompareConfig:
    return compare.make_config(read_words(verbs.Compare, ["parity", *words.split()]))


def training(words: str = "") -> RunConfig:
    return train.make_config(read_words(verbs.Train, ["parity", *words.split()]))


def test_without_flags_a_comparison_is_the_library_s():
    assert comparison() == CompareConfig(task="parity")


def test_quick_alone_is_the_taste():
    assert comparison("--quick") == replace(compare.QUICK, task="parity")


@pytest.mark.parametrize("name", ["seeds", "trials", "depth", "workers"])
def test_quick_leaves_what_was_said_even_where_it_is_the_default(name: str):
    default = getattr(CompareConfig(), name)
    assert getattr(comparison(f"--quick --{name} {default}"), name) == default


def test_quick_leaves_models_budget_and_steps_that_were_said():
    default = CompareConfig()
    said = f"--models {','.join(default.models)} --budget {default.budget} --steps {default.train.steps}"
    found = comparison(f"--quick {said}")
    assert (found.models, found.budget) == (default.models, default.budget)
    assert found.train == default.train


def test_a_short_training_is_looked_at_ten_times():
    assert comparison("--steps 50").train.evaluate_every == 5
    assert comparison("--steps 3").train.evaluate_every == 1
    assert comparison("--steps 9000").train.evaluate_every == CompareConfig().train.evaluate_every


def test_without_flags_a_training_is_the_library_s():
    found = training()
    assert found.train == TrainConfig()
    assert found.model == default_config("lstm", context_length=20)


def test_flags_of_a_training_hold():
    found = training("--width 7 --depth 3 --steps 5 --batch-size 2 --learning-rate 0.5 --seed 9 --set momentum=0.1")
    assert (found.model.width, found.model.depth) == (7, 3)
    assert found.train == TrainConfig(steps=5, batch_size=2, learning_rate=0.5, seed=9, momentum=0.1)


def test_what_an_option_of_the_layer_entails_follows_from_the_flags_too():
    """A window is as long as the task needs, inside another layer as well; a wider kernel needs fewer blocks."""
    inside = training("--model ntm --set layer.controller=attention").model.options["controller"]
    assert inside == {"layer": "attention", "options": default_config("attention", context_length=40).options}
    depths = [training(f"--model tcn --set kernel_size={size}").model.depth for size in (2, 7)]
    assert depths[0] > depths[1]


@pytest.mark.parametrize(
    ("verb", "shown"),
    [
        (verbs.Compare, [CompareConfig().budget, CompareConfig().train.steps, ",".join(CompareConfig().models)]),
        (verbs.Train, [TrainConfig().learning_rate, TrainConfig().steps, "lstm"]),
        (verbs.Generate, [Sampling().length, Sampling().temperature]),
    ],
)
def test_the_help_shows_the_library_s_defaults(verb: type, shown: list[object], capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        parse([verb.__name__.lower(), "--help"])
    told = re.sub(r"[│\s]+", "", capsys.readouterr().out)
    assert all(f"(default:{value})" in told for value in shown)
    assert "None" not in told


@pytest.mark.parametrize(
    ("words", "readout"),
    [
        ("adding --model echo-state", "ridge"),
        ("adding --model echo-state --seed 1 --set readout=gradient", "gradient"),
        ("adding --model gru", "gradient"),
        ("parity --model echo-state", "ridge"),
        ("embedded --model echo-state", "gradient"),
    ],
)
def test_a_training_has_the_readout_that_a_comparison_gives_its_model(words: str, readout: str):
    assert train.make_config(read_words(verbs.Train, words.split())).train.readout == readout


@pytest.mark.parametrize(
    "verb", [verbs.Compare, verbs.Train, verbs.Generate, verbs.Forecast, verbs.Models, verbs.Tasks]
)
def test_no_help_shows_an_empty_default(verb: type, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        parse([verb.__name__.lower(), "--help"])
    assert not re.search(r"default:\s*(''|\(\))?\s*\)", capsys.readouterr().out)
