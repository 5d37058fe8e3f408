"""Fields of a complete config by name: full names, short names, and what is refused."""

import pytest

from statewise.catalog import SEQUENCE_LAYERS
from statewise.contract import LayerFactory
from statewise.errors import UserError
from statewise.fields import Fields, Setup, fields_said
from statewise.importing import import_path
from statewise.layers.recurrent.gru import GRU
from statewise.models.config import ModelConfig
from statewise.models.resolve import pattern_of
from statewise.train.config import TrainConfig


def fields(name: str) -> Fields:
    return Fields(name, pattern_of(name).option_types, {"longest": int})


def setup(name: str) -> Setup:
    return Setup(ModelConfig(layer=name), TrainConfig(), {"longest": 20})


def test_a_full_name_reaches_its_part_and_no_other():
    tcn = fields("tcn")
    layer = tcn.set(setup("tcn"), "layer.dropout", 0.2).model
    model = tcn.set(setup("tcn"), "model.dropout", 0.2).model
    assert (layer.options, layer.dropout) == ({"dropout": 0.2}, 0.0)
    assert (model.options, model.dropout) == ({}, 0.2)
    changed = tcn.set_all(setup("tcn"), {"train.momentum": 0.5, "task.longest": 30})
    assert (changed.train.momentum, changed.task_options) == (0.5, {"longest": 30})


def test_a_short_name_that_could_be_two_fields_is_refused_and_both_are_named():
    with pytest.raises(UserError, match=r"model\.dropout or layer\.dropout of tcn"):
        fields("tcn").set(setup("tcn"), "dropout", 0.2)
    assert fields("lstm").full_name("dropout") == "model.dropout"


def test_an_option_may_have_its_layer_s_name_before_it_and_in_a_hybrid_it_must():
    for said in ("tcn.dropout", "layer.tcn.dropout", "layer.dropout"):
        assert fields("tcn").full_name(said) == "layer.dropout"
    for said in ("tcn.dropout", "layer.tcn.dropout"):
        assert fields("tcn+lstm").full_name(said) == "layer.tcn.dropout"
    assert fields("tcn+lstm").full_name("dropout") == "model.dropout"
    for said in ("layer.dropout", "gru.dropout", "layer.gru.keep_bias"):
        assert not fields("tcn+lstm").has(said)


def test_an_option_of_a_layer_is_reached_though_another_part_forbids_its_name():
    reservoir = fields("echo-state")
    assert reservoir.set(setup("echo-state"), "layer.seed", 7).model.options == {"seed": 7}
    with pytest.raises(UserError, match="--seeds"):
        reservoir.full_name("seed")


@pytest.mark.parametrize("name", SEQUENCE_LAYERS)
def test_what_was_set_is_read_back(name: str):
    known = fields(name)
    for field in ("train.learning_rate", "model.depth", "task.longest"):
        assert known.get(known.set(setup(name), field, 3), field) == 3


@pytest.mark.parametrize(
    ("said", "answer"),
    [("layer.forget_bais", "forget_bias"), ("momentun", "momentum"), ("layers.forget_bias", "part of a config")],
)
def test_what_does_not_exist_is_refused_with_the_nearest(said: str, answer: str):
    with pytest.raises(UserError, match=answer):
        fields("lstm").full_name(said)


def test_a_value_of_another_type_is_refused():
    with pytest.raises(UserError, match="optimizer cannot be 'adam'"):
        fields("lstm").set(setup("lstm"), "optimizer", "adam")


def test_options_of_a_layer_inside_follow_from_the_layer_that_is_said():
    said = {"controller.forget_bias": 2.0, "controller": "lstm"}
    model = fields_said("ntm", said, pattern_of, task_options={}).set_all(setup("ntm"), said).model
    assert model.options == {"controller": {"layer": "lstm", "options": {"forget_bias": 2.0}}}
    with pytest.raises(UserError, match="forget_bias"):
        fields("ntm").full_name("layer.controller.forget_bias")


class WithOrWithout(GRU):
    """A layer that may hold another."""

    def __init__(self, *, input_size: int, hidden_size: int, inner: LayerFactory | None = GRU) -> None:
        super().__init__(input_size=input_size, hidden_size=hidden_size)
        self.inner = inner(input_size=input_size, hidden_size=hidden_size) if inner else None


def test_a_layer_inside_that_there_may_not_be_can_be_left_out():
    name = import_path(WithOrWithout)
    fields = fields_said(name, {"inner": None}, pattern_of, task_options={})
    options = fields.set(setup(name), "inner", None).model.options
    assert pattern_of(name, options).make(input_size=3, hidden_size=3).inner is None
    with pytest.raises(UserError, match="controller cannot be None"):
        fields_said("ntm", {"controller": None}, pattern_of, task_options={})
