"""What a person writes after ``--vary`` and ``--set``."""

import pytest

from statewise.cli.parsing import folder_name, parse_choices, parse_fields
from statewise.compare.arms import make_arms
from statewise.compare.config import CompareConfig
from statewise.errors import UserError
from statewise.tasks.recalling import Recall
from statewise.workbench import WORKBENCH

LAYER = '{"layer": "lstm", "options": {"forget_bias": 2.0, "initialization": "uniform"}}'


@pytest.mark.parametrize(
    ("said", "values"),
    [
        ("adamw, sgd", ("adamw", "sgd")),
        ("[0.9,0.95],[0.9,0.999]", ([0.9, 0.95], [0.9, 0.999])),
        (f"gru,{LAYER}", ("gru", {"layer": "lstm", "options": {"forget_bias": 2.0, "initialization": "uniform"}})),
        ('"a,b",c,"d]","\\",e"', ("a,b", "c", "d]", '",e')),
        ("null,[[1,2],[3]],true", (None, [[1, 2], [3]], True)),
        ("None,none", (None, "none")),
        ("data (1],2.csv", ("data (1]", "2.csv")),
    ],
)
def test_only_commas_outside_brackets_and_quotes_part_values(said: str, values: tuple[object, ...]):
    assert parse_choices([f"x={said}"]) == {"x": values}


@pytest.mark.parametrize("said", ["{layer: lstm}", '{"layer": "lstm"', "[1,2"])
def test_what_begins_as_json_and_is_none_is_refused(said: str):
    with pytest.raises(UserError, match=r"is no JSON.*single quotes"):
        parse_fields([f"x={said}"])
    with pytest.raises(UserError, match="is no JSON"):
        parse_choices([f"x=1,{said}"])


def test_an_inner_layer_varies_and_its_arm_is_named_as_it_was_said():
    vary = parse_choices([f"controller={LAYER},gru"])
    arms = make_arms(CompareConfig(models=("ntm",), budget=20_000, vary=vary), Recall(), WORKBENCH)
    assert [arm.label for arm in arms] == [f"ntm controller={LAYER.replace(' ', '')}", "ntm controller=gru"]
    held = arms[0].setup.model.options["controller"]
    assert (held["layer"], held["options"]["initialization"]) == ("lstm", "uniform")


def test_the_layer_inside_may_vary_while_an_option_of_it_is_set():
    config = CompareConfig(
        models=("ntm",), budget=20_000, vary={"controller": ("lstm", "ntm")}, fixed={"controller.slots": 9}
    )
    with pytest.raises(UserError, match="slots"):
        make_arms(config, Recall(), WORKBENCH)
    config = CompareConfig(
        models=("ntm",),
        budget=20_000,
        vary={"controller": ("rnn", "lstm")},
        fixed={"controller.initialization": "uniform"},
    )
    said = [arm.setup.model.option("controller.initialization") for arm in make_arms(config, Recall(), WORKBENCH)]
    assert said == ["uniform", "uniform"]


def test_what_different_import_paths_name_is_kept_apart_from_each_other_and_from_ours():
    names = ["parity", "mine:Parity", "theirs:Parity", "mine.tasks:Parity", "mine:Adding"]
    assert len({folder_name(name) for name in names}) == len(names)


def test_an_existing_file_is_called_by_its_name_whatever_it_holds(tmp_path):
    (tmp_path / "a:b.txt").write_text("text")
    assert folder_name(str(tmp_path / "a:b.txt")) == "a-b"
