"""From a config to a model and back: complete, plain, buildable, and strict about names."""

import inspect
import json
from dataclasses import asdict, replace

import pytest
import torch
from pydantic import TypeAdapter

from statewise.catalog import CATALOG
from statewise.contract import Tokens, Vectors
from statewise.errors import UserError
from statewise.models.config import ModelConfig
from statewise.models.resolve import build, default_config, find_entry, layer_maker

OWN = """
from statewise.contract import SequenceLayer, Vectors


class Leaky(SequenceLayer):
    def __init__(self, *, input_size, hidden_size, keep=0.9, names=object()):
        super().__init__(Vectors(input_size), hidden_size)
        self.keep = keep

    def initial_state(self, batch_size):
        return self.zeros(batch_size, self.output_size)

    def step(self, x, state):
        h = self.keep * state + x
        return h, h


class Narrow(SequenceLayer):
    def __init__(self, *, size):
        super().__init__(Vectors(size), size)


class Nothing:
    pass
"""


@pytest.fixture
def own_module(tmp_path, monkeypatch) -> str:
    (tmp_path / "own_layers_for_resolve.py").write_text(OWN, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    return "own_layers_for_resolve"


@pytest.mark.parametrize("name", CATALOG)
@pytest.mark.parametrize("form", [Tokens(11), Vectors(3)], ids=["tokens", "vectors"])
def test_every_entry_builds_in_its_own_block_and_learns(name, form):
    torch.manual_seed(0)
    config = replace(default_config(name, depth=2, context_length=9), width=8)
    model = build(config, form, 5)
    x = torch.randint(11, (2, 9)) if isinstance(form, Tokens) else torch.randn(2, 9, 3)
    y, state = model(x)
    assert y.shape == (2, 9, 5)
    y.square().sum().backward()
    assert model.head.weight.grad is not None
    assert model.step(x[:, 0], state)[0].shape == (2, 5)


@pytest.mark.parametrize("name", CATALOG)
def test_the_default_config_is_complete(name):
    """Every option of the signature stands in it, so that a run's record does not lean on today's defaults."""
    entry = CATALOG[name]
    options = default_config(name, depth=2, context_length=None).options
    solved = {"input_size", entry.width, entry.dilations}
    signature = inspect.signature(entry.layer).parameters
    assert options.keys() == signature.keys() - solved
    for option, value in options.items():
        assert value == entry.defaults.get(option, signature[option].default)


@pytest.mark.parametrize("name", CATALOG)
def test_a_config_survives_json_and_builds_the_same_model(name):
    config = replace(default_config(name, depth=2, context_length=7), width=8)
    again = TypeAdapter(ModelConfig).validate_json(json.dumps(asdict(config)))
    assert again == config
    torch.manual_seed(0)
    first = build(config, Tokens(6), 4).state_dict()
    torch.manual_seed(0)
    second = build(again, Tokens(6), 4).state_dict()
    assert first.keys() == second.keys()
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_the_complete_config_builds_what_the_bare_name_builds():
    for name in CATALOG:
        complete = replace(default_config(name, depth=1, context_length=None), width=8)
        torch.manual_seed(0)
        first = build(replace(complete, options={}), Tokens(6), 4).state_dict()
        torch.manual_seed(0)
        second = build(complete, Tokens(6), 4).state_dict()
        assert {k: v.shape for k, v in first.items()} == {k: v.shape for k, v in second.items()}
        assert all(torch.equal(first[key], second[key]) for key in first), name


def test_a_field_that_no_config_has_is_refused():
    with pytest.raises(ValueError, match="widht"):
        TypeAdapter(ModelConfig).validate_python({"layer": "gru", "widht": 3})


def test_the_window_is_as_long_as_what_has_to_be_seen():
    assert default_config("attention", depth=1, context_length=77).options["context_length"] == 77
    assert default_config("lstm", depth=1, context_length=77) == default_config("lstm", depth=1, context_length=None)


@pytest.mark.parametrize("context", [1, 8, 100, 1000])
def test_a_tcn_is_deep_enough_to_see_its_context(context):
    """Each block of dilation 2^i sees 2 (K - 1) 2^i steps back; with one block fewer it would not suffice."""
    depth = default_config("tcn", depth=1, context_length=context).depth
    seen = 1 + sum(2 * 2 * 2**i for i in range(depth))
    assert seen >= context
    assert depth == 1 or 1 + sum(2 * 2 * 2**i for i in range(depth - 1)) < context


def test_dilations_double_from_block_to_block_unless_said():
    make = layer_maker(CATALOG["tcn"])
    assert [make(4, number, {}).dilation for number in range(4)] == [1, 2, 4, 8]
    assert make(4, 3, {"dilation": 5}).dilation == 5


def test_an_unknown_model_or_option_is_answered_with_the_nearest():
    with pytest.raises(UserError, match="did you mean 'lstm'"):
        find_entry("ltsm")
    with pytest.raises(UserError, match="did you mean 'forget_bias'"):
        build(ModelConfig(layer="lstm", options={"forget_bais": 1.0}), Tokens(5), 5)


def test_an_impossible_option_is_answered_with_its_reason():
    with pytest.raises(UserError, match=r"cannot build attention of width 6.*heads must divide"):
        build(ModelConfig(layer="attention", width=6, options={"heads": 4}), Tokens(5), 5)


def test_a_layer_of_ones_own_needs_no_entry(own_module):
    path = f"{own_module}:Leaky"
    config = default_config(path, depth=2, context_length=50)
    assert config.options == {"keep": 0.9}
    y, _ = build(replace(config, width=6), Vectors(3), 2)(torch.randn(2, 5, 3))
    assert y.shape == (2, 5, 2)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("no_such_module_anywhere:Layer", "PYTHONPATH"),
        ("{}:Leeky", "has no 'Leeky'"),
        ("{}:Nothing", "not a SequenceLayer"),
        ("{}:Narrow", "input_size and hidden_size"),
    ],
)
def test_what_is_no_layer_is_refused_with_a_sentence(own_module, path, message):
    with pytest.raises(UserError, match=message):
        find_entry(path.format(own_module))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 0}, "width"),
        ({"depth": 0}, "depth"),
        ({"dropout": 1.0}, "dropout"),
        ({"feed_forward": -1.0}, "feed_forward"),
    ],
)
def test_impossible_sizes_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        ModelConfig(**options)
