"""A layer inside another is asked everything that it would be asked alone."""

import inspect
import json
from collections.abc import Callable
from dataclasses import fields

import pytest

from statewise.catalog import SEQUENCE_LAYERS
from statewise.compare.arms import make_arms
from statewise.compare.budget import arm_cost
from statewise.compare.config import CompareConfig
from statewise.compare.jobs import ArmRecord, tuning_jobs
from statewise.contract import Entry, LayerKind, Tokens
from statewise.errors import UserError
from statewise.fields import Fields, Setup
from statewise.models.config import ModelConfig
from statewise.models.pattern import Pattern
from statewise.models.resolve import build, default_config, find_entry, pattern_of
from statewise.tasks.recalling import Recall
from statewise.train.config import TrainConfig
from statewise.workbench import WORKBENCH

CONTEXT = 20
OWN = """
from statewise.contract import Entry, Knob, LayerFactory, SequenceLayer, Vectors
from statewise.combine import Wrapper


class Around(Wrapper):
    def __init__(self, *, input_size, hidden_size, inner: LayerFactory, flavour: str = "plain"):
        super().__init__(inner(input_size=input_size, hidden_size=hidden_size))


class Peculiar(SequenceLayer):
    state_knob = "taps"

    def __init__(self, *, input_size, hidden_size, taps=2, power=1, number=0):
        super().__init__(Vectors(input_size), hidden_size)
        self.taps, self.number = taps, number

    @classmethod
    def width_multiple(cls, options):
        return 3 * options["power"]

    @classmethod
    def options_to_see(cls, context):
        return {"taps": context}

    @classmethod
    def depth_to_see(cls, context, options):
        return context * options["power"]

    @classmethod
    def options_of_block(cls, number):
        return {"number": number}

    def initial_state(self, batch_size):
        return self.zeros(batch_size, self.taps)

    def step(self, x, state):
        return x, state


PECULIAR = Entry(
    "peculiar", "own", Peculiar, "-", block="residual", feed_forward=3.0, closed_form=True,
    knobs=(Knob("power", 1.0, 4.0, "integer"), Knob("momentum", 0.0, 1.0)),
)
RESERVOIR_AROUND = Entry("around", "own", Around, "-", block="plain", closed_form=True)
"""


@pytest.fixture
def own(tmp_path, monkeypatch) -> str:
    (tmp_path / "own_layers_for_nest.py").write_text(OWN, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    return "own_layers_for_nest"


def inside(module: str, name: str, depth: int, **options: object) -> tuple[str, dict[str, object]]:
    """A layer of that name inside as many wrappers: name and options of the outermost."""
    held: dict[str, object] = {"layer": name, "options": options}
    for _ in range(depth):
        held = {"layer": f"{module}:Around", "options": {"inner": held}}
    return held["layer"], held["options"]


def numbers(config: ModelConfig) -> list[int]:
    """Which block each of the innermost layers was made for."""
    return [layer.number for layer in build(config, Tokens(5), 5).modules() if type(layer).__name__ == "Peculiar"]


ANSWERS: dict[str, Callable[[Pattern, ModelConfig, str], bool]] = {
    "state_knob": lambda nest, config, path: nest.state_knob == f"{path}taps",
    "width_multiple": lambda nest, config, path: nest.width_multiple == 6,
    "options_to_see": lambda nest, config, path: config.option(f"{path}taps") == CONTEXT,
    "depth_to_see": lambda nest, config, path: config.depth == 2 * CONTEXT,
    "options_of_block": lambda nest, config, path: numbers(config) == list(range(2 * CONTEXT)),
    "block": lambda nest, config, path: config.block == "residual",
    "feed_forward": lambda nest, config, path: config.feed_forward == 3.0,
    "knobs": lambda nest, config, path: [knob.name for knob in nest.knobs] == [f"{path}power", "momentum"],
}
"""Question -> whether the answer is the innermost layer's"""
OF_THE_OUTERMOST = {
    "name", "family", "layer", "paper", "example", "small", "reads", "sequence_layer", "exemptions", "peer",
}  # fmt: skip
"""What an entry says of itself alone"""
TRIED_APART = {"closed_form", "defaults"}
OF_MADE_LAYERS = {"recurrent_weights", "residuals"}
"""Whoever asks goes through all layers of a model; ``test_parametrised`` and ``test_convergence`` ask"""


@pytest.mark.parametrize("question", ANSWERS)
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_a_layer_answers_inside_what_it_answers_alone(own: str, question: str, depth: int):
    name, options = inside(own, f"{own}:PECULIAR", depth, power=2)
    config = default_config(name, options=options, context_length=CONTEXT)
    config = ModelConfig(**{**vars(config), "width": 6})
    assert ANSWERS[question](pattern_of(name, options), config, "inner." * depth)


def test_no_question_is_forgotten():
    asked = {name for name, _ in inspect.getmembers(LayerKind) if not name.startswith("_")}
    said = {field.name for field in fields(Entry)} | {n for n in vars(Entry) if isinstance(vars(Entry)[n], property)}
    assert ANSWERS.keys() | OF_THE_OUTERMOST | TRIED_APART | OF_MADE_LAYERS == asked | said


def test_a_tcn_in_a_wrapper_sees_as_far_as_alone(own: str):
    name, options = inside(own, "tcn", 1)
    config = default_config(name, options=options, depth=3, context_length=100)
    assert config.depth == default_config("tcn", depth=3, context_length=100).depth == 5
    layers = build(config, Tokens(5), 5).body.layers
    assert [layer.layer.dilation for layer in layers] == [1, 2, 4, 8, 16]


def test_an_entrys_own_word_goes_before_that_of_what_is_inside(own: str):
    config = default_config(f"{own}:RESERVOIR_AROUND", options={"inner": f"{own}:PECULIAR"})
    assert (config.block, config.feed_forward) == ("plain", 0.0)
    assert default_config("ntm", options={"controller": "mamba"}).block == "plain"


def test_a_readout_is_solved_only_where_nothing_in_the_nest_is_to_be_trained(own: str):
    around, bare = f"{own}:RESERVOIR_AROUND", f"{own}:Around"
    assert pattern_of(around, {"inner": "echo-state"}).closed_form
    assert not pattern_of(around, {"inner": "lstm"}).closed_form
    assert not pattern_of(bare, {"inner": "echo-state"}).closed_form


@pytest.mark.parametrize("name", SEQUENCE_LAYERS)
def test_a_nest_of_one_says_what_its_entry_says(name: str):
    nest, entry = pattern_of(name), find_entry(name)
    assert nest.knobs[: len(entry.knobs)] == entry.knobs
    assert (nest.block, nest.feed_forward) == (entry.block or "plain", entry.feed_forward)
    assert nest.closed_form == entry.closed_form
    json.dumps(nest.options)


def test_options_inside_are_fields_once_the_layer_is_said(own: str):
    name, options = inside(own, "tcn", 2)
    known = Fields(name, pattern_of(name, options).option_types, {})
    setup = Setup(ModelConfig(name, dict(options)), TrainConfig(), {})
    for field in ("layer.inner.inner.dropout", "inner.inner.dropout"):
        found = known.set(setup, field, 0.2)
        assert known.get(found, field) == found.model.option("inner.inner.dropout") == 0.2
    assert setup.model.options == options
    with pytest.raises(UserError, match="which layer is inner"):
        known.set(Setup(ModelConfig(name), TrainConfig(), {}), "inner.inner.dropout", 0.2)


def space(config: CompareConfig) -> list[set[object]]:
    """For every arm the values that tuning tries for the dropout of the TCN inside."""
    found = []
    for arm in make_arms(config, Recall(), WORKBENCH):
        specs = [job.spec for job in tuning_jobs(config, Recall(), ArmRecord(arm, [], arm, [], None))]
        found.append({spec.model.option("inner.dropout") for spec in specs})
    return found


def test_a_comparison_tunes_what_is_inside_unless_it_was_decided(own: str):
    config = CompareConfig(
        models=(f"{own}:Around",), fixed={"layer.inner": "tcn"}, depth=1, budget=3_000, trials=4, companions=False
    )
    assert [len(tried) for tried in space(config)] == [4]
    decided = {"layer": "tcn", "options": {"dropout": 0.25}}
    assert space(CompareConfig(**{**vars(config), "fixed": {"layer.inner": decided}})) == [{0.25}]


def test_where_state_is_matched_the_window_inside_is_solved_unless_it_was_decided(own: str):
    config = CompareConfig(
        models=(f"{own}:Around",), fixed={"layer.inner": "attention"}, depth=1, match="state", budget=60_000
    )
    (arm, *_) = make_arms(config, Recall(), WORKBENCH)
    assert arm.setup.model.width == ModelConfig.width
    assert arm_cost("state", Recall(), WORKBENCH, arm.setup.model) == pytest.approx(60_000, rel=0.15)
    said = {"layer": "attention", "options": {"context_length": 3}}
    (arm, *_) = make_arms(CompareConfig(**{**vars(config), "fixed": {"layer.inner": said}}), Recall(), WORKBENCH)
    assert arm.setup.model.option("inner.context_length") == 3
    assert arm.setup.model.width != ModelConfig.width
