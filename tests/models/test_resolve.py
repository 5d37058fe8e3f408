"""From a config to a model and back: complete, plain, buildable, and strict about names."""

import inspect
import json
from dataclasses import asdict, replace

import pytest
import torch
from pydantic import TypeAdapter

from statewise.catalog import SEQUENCE_LAYERS
from statewise.contract import Tokens, Vectors
from statewise.errors import UserError
from statewise.models.config import ModelConfig
from statewise.models.resolve import build, default_config, find_entry, make_layer, pattern_of

OWN = """
from statewise.contract import Entry, Knob, LayerFactory, SequenceLayer, Vectors


class Leaky(SequenceLayer):
    def __init__(self, *, input_size, hidden_size, keep=0.9, names=object()):
        super().__init__(Vectors(input_size), hidden_size)
        self.keep = keep

    def initial_state(self, batch_size):
        return self.zeros(batch_size, self.output_size)

    def step(self, x, state):
        h = self.keep * state + x
        return h, h


class Deep(Leaky):
    @classmethod
    def depth_to_see(cls, context, options):
        return 7 if options["keep"] == 0.5 else 1


ENTRY = Entry(
    name="deep",
    family="own",
    layer=Deep,
    paper="-",
    defaults={"keep": 0.5},
    block="residual",
    knobs=(Knob("keep", 0.0, 1.0),),
)


class Around(Leaky):
    def __init__(self, *, input_size, hidden_size, inner: LayerFactory):
        super().__init__(input_size=input_size, hidden_size=hidden_size)
        self.inner = inner(input_size=input_size, hidden_size=hidden_size)


class Maybe(Leaky):
    def __init__(self, *, input_size, hidden_size, periods=(1, 2), inner: LayerFactory | None = None):
        super().__init__(input_size=input_size, hidden_size=hidden_size)
        assert isinstance(periods, tuple)
        self.inner = None if inner is None else inner(input_size=input_size, hidden_size=hidden_size)


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


@pytest.mark.parametrize("name", SEQUENCE_LAYERS)
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


@pytest.mark.parametrize("name", SEQUENCE_LAYERS)
def test_the_default_config_is_complete(name):
    """Every option of the signature stands in it, so that a run's record does not lean on today's defaults."""
    entry = SEQUENCE_LAYERS[name]
    options = default_config(name, depth=2, context_length=None).options
    solved = {"input_size", "hidden_size", *entry.layer.options_of_block(0)}
    signature = inspect.signature(entry.layer).parameters
    assert options.keys() == signature.keys() - solved
    for option in options.keys() - {"controller"}:
        expected = entry.defaults.get(option, signature[option].default)
        assert options[option] == (list(expected) if isinstance(expected, tuple) else expected)


@pytest.mark.parametrize("said", [None, "gru", {"layer": "gru", "options": {"keep_bias": 2.0}}])
def test_an_inner_layer_stands_in_the_config_with_all_its_options(said):
    options = default_config("ntm", context_length=None, options={"controller": said} if said else {}).options
    name = "gru" if said else "feedforward"
    inner = default_config(name, context_length=None).options
    decided = said["options"] if isinstance(said, dict) else {}
    assert options["controller"] == {"layer": name, "options": inner | decided}
    json.dumps(options)
    model = build(ModelConfig(layer="ntm", width=8, options=options), Tokens(5), 5)
    assert type(model.body.layers[1].controller) is find_entry(name).layer


def test_what_is_no_inner_layer_is_answered_with_what_is():
    for said, message in (("gruu", "did you mean 'gru'"), ({"name": "gru"}, "a name or"), ("lstm:", "import 'lstm'")):
        with pytest.raises(UserError, match=message):
            build(ModelConfig(layer="ntm", options={"controller": said}), Tokens(5), 5)


@pytest.mark.parametrize("name", SEQUENCE_LAYERS)
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
    for name in SEQUENCE_LAYERS:
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


@pytest.mark.parametrize("context", [1, 2, 8, 127, 128, 1000])
@pytest.mark.parametrize("kernel_size", [2, 3, 7])
def test_a_tcn_is_deep_enough_to_see_its_context(context, kernel_size):
    """Each block of dilation 2^i sees 2 (K - 1) 2^i steps back; with one block fewer it would not suffice."""
    depth = default_config("tcn", depth=1, context_length=context, options={"kernel_size": kernel_size}).depth
    seen = [1 + sum(2 * (kernel_size - 1) * 2**i for i in range(blocks)) for blocks in (depth, depth - 1)]
    assert seen[0] >= context
    assert depth == 1 or seen[1] < context


@pytest.mark.parametrize("heads", [1, 3, 8])
@pytest.mark.parametrize("name", [name for name, entry in SEQUENCE_LAYERS.items() if entry.family == "attention"])
def test_any_number_of_heads_builds_at_the_widths_that_it_asks_for(name, heads):
    config = default_config(name, context_length=4, options={"heads": heads})
    multiple = find_entry(name).layer.width_multiple(config.options)
    assert build(replace(config, width=multiple), Tokens(5), 5).body.layers[1].output_size == multiple
    assert multiple == heads * (2 if name == "attention" else 1)


def test_dilations_double_from_block_to_block_unless_said():
    sizes = {"input_size": 4, "hidden_size": 4}
    assert [pattern_of("tcn").make(**sizes, number=number).dilation for number in range(4)] == [1, 2, 4, 8]
    assert pattern_of("tcn", {"dilation": 5}).make(**sizes, number=3).dilation == 5


def test_an_unknown_model_or_option_is_answered_with_the_nearest():
    with pytest.raises(UserError, match="did you mean 'lstm'"):
        find_entry("ltsm")
    with pytest.raises(UserError, match="did you mean 'forget_bias'"):
        build(ModelConfig(layer="lstm", options={"forget_bais": 1.0}), Tokens(5), 5)


def test_an_impossible_option_is_answered_with_its_reason():
    with pytest.raises(UserError, match=r"cannot build attention of width 6.*heads must divide"):
        build(ModelConfig(layer="attention", width=6, options={"heads": 4}), Tokens(5), 5)


def test_a_layer_of_ones_own_may_have_an_entry_and_answers_of_its_own(own_module):
    path = f"{own_module}:ENTRY"
    config = default_config(path, context_length=50)
    assert find_entry(path).knobs[0].name == "keep"
    assert (config.block, config.options, config.depth) == ("residual", {"keep": 0.5}, 7)


def test_a_layer_of_ones_own_needs_no_entry(own_module):
    path = f"{own_module}:Leaky"
    config = default_config(path, depth=2, context_length=50)
    assert config.options == {"keep": 0.9}
    y, _ = build(replace(config, width=6), Vectors(3), 2)(torch.randn(2, 5, 3))
    assert y.shape == (2, 5, 2)


def test_a_layer_inside_sees_the_context_and_decides_the_width_too(own_module):
    inside = {"layer": f"{own_module}:Around", "options": {"inner": "attention"}}
    options = default_config(f"{own_module}:Around", context_length=77, options={"inner": inside}).options
    assert options["inner"]["options"]["inner"]["options"]["context_length"] == 77
    heads = find_entry("attention").layer.width_multiple(options["inner"]["options"]["inner"]["options"])
    assert pattern_of(f"{own_module}:Around", options).width_multiple == heads > 1
    assert (
        default_config("ntm", context_length=7, options={"controller": "tcn"}).options["controller"]["layer"] == "tcn"
    )


def test_several_numbers_in_one_option_stand_in_the_config_and_survive_json(own_module):
    config = replace(default_config(f"{own_module}:Maybe"), width=4)
    assert config.options == {"periods": [1, 2], "inner": None}
    again = TypeAdapter(ModelConfig).validate_json(json.dumps(asdict(config)))
    assert again == config
    build(again, Vectors(2), 2)


def test_an_inner_layer_may_be_left_out(own_module):
    path = f"{own_module}:Maybe"
    for said, inner in ((None, type(None)), ("gru", find_entry("gru").layer)):
        options = default_config(path, options={"inner": said}).options
        layer = make_layer(find_entry(path), {**options, "input_size": 2, "hidden_size": 4})
        assert type(layer.inner) is inner


def test_an_option_without_default_is_asked_for(own_module):
    path = f"{own_module}:Around"
    with pytest.raises(UserError, match=r"needs the option inner, the layer inside; .*--set layer.inner=lstm"):
        build(default_config(path, context_length=None), Tokens(5), 5)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("no_such_module_anywhere:Layer", "PYTHONPATH"),
        ("{}:Leeky", "did you mean 'Leaky'"),
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


@pytest.mark.parametrize("depth", [0, -1])
def test_there_is_no_model_without_blocks(depth: int):
    with pytest.raises(UserError, match="depth must be at least 1"):
        default_config("lstm", depth=depth)
