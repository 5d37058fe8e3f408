"""Several layers that the blocks of a model take in turn, asked everything that one is asked."""

import json
from dataclasses import asdict, replace

import pytest
import torch
from pydantic import TypeAdapter

from statewise import laws
from statewise.compare.arms import Arm, make_arms
from statewise.compare.config import CompareConfig
from statewise.compare.jobs import ArmRecord, tuning_jobs
from statewise.contract import Knob, Tokens, Vectors
from statewise.cost.parameters import count_parameters
from statewise.errors import UserError
from statewise.layers.attention.self_attention import SelfAttention
from statewise.layers.statespace.lru import LRU
from statewise.models.config import ModelConfig
from statewise.models.resolve import build, default_config, pattern_of
from statewise.tasks.recalling import Recall
from statewise.workbench import WORKBENCH

OWN = """
from statewise.contract import SequenceLayer, Vectors


class Leaky(SequenceLayer):
    def __init__(self, *, input_size, hidden_size, keep=0.9):
        super().__init__(Vectors(input_size), hidden_size)
        self.keep = keep

    def initial_state(self, batch_size):
        return self.zeros(batch_size, self.output_size)

    def step(self, x, state):
        h = self.keep * state + x
        return h, h


class Half(Leaky):
    @classmethod
    def depth_to_see(cls, context, options):
        return context
"""


def layers(config: ModelConfig, *names: str) -> list:
    """The layers of these classes in the order of the blocks."""
    return [part for part in build(config, Tokens(5), 5).modules() if type(part).__name__ in names]


def small(name: str, **fields: object) -> ModelConfig:
    return replace(default_config(name, context_length=9), width=8, **fields)


def arms(*models: str, **fields: object) -> list[Arm]:
    fields = {"budget": 20_000, "depth": 2, "companions": False, **fields}
    return make_arms(CompareConfig(models=models, **fields), Recall(), WORKBENCH)


def test_the_blocks_take_the_layers_in_turn_and_begin_again():
    found = layers(small("lru+lru+attention", depth=7), "LRU", "SelfAttention")
    assert [type(layer) for layer in found] == [LRU, LRU, SelfAttention, LRU, LRU, SelfAttention, LRU]


def test_what_grows_from_block_to_block_is_counted_by_kind():
    found = layers(ModelConfig("lstm+tcn", width=4, depth=6), "TemporalBlock")
    assert [layer.dilation for layer in found] == [1, 2, 4]
    found = layers(ModelConfig("tcn+tcn+lstm", width=4, depth=5), "TemporalBlock")
    assert [layer.dilation for layer in found] == [1, 2, 4, 8]


@pytest.mark.parametrize("name", ["lstm+tcn"])
def test_a_hybrid_keeps_the_laws_of_its_layers(name: str):
    torch.manual_seed(0)
    config = replace(default_config(name, context_length=5), width=4)
    laws.check(build(config, Vectors(3), 2).eval())


def test_each_kind_keeps_its_own_options_and_blocks_of_one_kind_share_them():
    config = default_config("lru+lru+attention", context_length=33, options={"attention": {"positions": "alibi"}})
    alone = {name: default_config(name, context_length=33).options for name in ("lru", "attention")}
    assert config.options == {"lru": alone["lru"], "attention": {**alone["attention"], "positions": "alibi"}}
    again = config.with_option("lru.largest_phase", 1.0)
    assert (again.option("lru.largest_phase"), again.option("attention.context_length")) == (1.0, 33)
    assert TypeAdapter(ModelConfig).validate_json(json.dumps(asdict(again))) == again


@pytest.mark.parametrize("name", ["lstm+attention", "lru+mamba", "echo-state+gru"])
def test_the_complete_config_builds_what_the_bare_name_builds(name: str):
    found = []
    for options in ({}, default_config(name).options):
        torch.manual_seed(0)
        found.append(build(ModelConfig(name, options, width=8), Tokens(6), 4).state_dict())
    assert found[0].keys() == found[1].keys()
    assert all(torch.equal(found[0][key], found[1][key]) for key in found[0])


def test_the_field_s_answers_of_a_hybrid():
    hybrid = pattern_of("lstm+min-gru+attention")
    assert hybrid.block == "residual"
    assert hybrid.feed_forward == 4.0
    assert hybrid.knobs == (Knob("lstm.forget_bias", 0.0, 4.0), Knob("min_gru.write_bias", -4.0, 1.0))
    assert [knob.name for knob in pattern_of("lru+gru").knobs] == ["lru.smallest_modulus", "gru.keep_bias"]
    assert hybrid.state_knob == "attention.context_length"
    assert hybrid.width_multiple == pattern_of("attention").width_multiple > 1
    assert hybrid.family == "recurrent + statespace + attention"
    assert hybrid.paper.startswith("Hochreiter & Schmidhuber 1997; Feng et al. 2024; Vaswani")
    assert not hybrid.closed_form
    assert not pattern_of("echo-state+lstm").closed_form
    assert pattern_of("ntm+lru").block == "residual"
    assert pattern_of("lstm+gru").block == "plain"


@pytest.mark.parametrize("name", ["tcn", "attention", "ntm", "lru"])
def test_a_pattern_of_one_kind_is_that_kind_however_often_it_is_said(name: str):
    once, thrice = pattern_of(name), pattern_of("+".join([name] * 3))
    for question in ("names", "options", "block", "feed_forward", "knobs", "option_types", "state_knob"):
        assert getattr(once, question) == getattr(thrice, question)
    assert default_config("+".join([name] * 3)) == replace(default_config(name), layer=thrice.name, depth=3)


def test_a_hybrid_is_deep_enough_for_each_kind_and_for_one_to_see_the_context():
    assert default_config("lru+lru+attention", depth=1).depth == 3
    assert default_config("lru+lru+attention", depth=1, context_length=9).depth == 3
    assert default_config("lru+lru+attention", depth=4).depth == 4
    assert default_config("tcn+lstm", depth=2, context_length=1000).depth == 2
    alone = default_config("tcn", context_length=1000).depth
    twins = default_config("tcn+tcn", context_length=1000).depth
    assert alone == twins > 3
    with pytest.raises(UserError, match=r"lru\+lru\+attention needs a depth of at least 3, a block for each, got 2"):
        build(ModelConfig("lru+lru+attention", width=8, depth=2), Tokens(5), 5)


def test_two_kinds_of_which_each_sees_too_little_are_repeated_until_one_sees_enough(own: str):
    """TCN blocks stand at 1, 3, 5, ... of "half+tcn": as many pairs as a TCN alone has blocks."""
    alone = default_config("tcn", context_length=500).depth
    assert default_config(f"{own}:Half+tcn", context_length=500).depth == 2 * alone
    assert default_config(f"tcn+{own}:Half", context_length=500).depth == 2 * alone - 1


@pytest.fixture
def own(tmp_path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "own_layers_for_pattern.py").write_text(OWN, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    return "own_layers_for_pattern"


def test_a_layer_of_ones_own_stands_in_a_pattern_by_the_name_it_ends_with(own: str):
    name = f"{own}:Leaky+min-gru"
    config = default_config(name).with_option("Leaky.keep", 0.5)
    assert config.options.keys() == {"Leaky", "min_gru"}
    leaky, _ = layers(replace(config, width=4), "Leaky", "MinGRU")
    assert leaky.keep == 0.5
    with pytest.raises(UserError, match="have the same name"):
        pattern_of(f"{own}:Leaky+other:Leaky")


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("lru+atention", {}, "unknown model 'atention'; did you mean 'attention'"),
        ("lru+", {}, "leaves out a layer"),
        ("lru+attention", {"attn": {}}, r"unknown layer of lru\+attention 'attn'"),
        ("lru+attention", {"lru": 3}, "must be its options by name"),
        ("lru+attention", {"lru": {"large_phase": 1}}, "did you mean 'largest_phase'"),
    ],
)
def test_what_is_no_pattern_is_refused_with_a_sentence(name: str, options: dict, message: str):
    with pytest.raises(UserError, match=message):
        build(ModelConfig(name, options, width=8), Tokens(5), 5)


def test_an_option_said_by_its_layer_reaches_every_model_with_that_layer_and_no_other():
    found = arms("lstm", "attention", "lru+attention", fixed={"layer.attention.positions": "alibi"})
    assert [arm.name for arm in found] == ["lstm", "attention", "lru+attention"]
    assert "positions" not in found[0].setup.model.options
    assert found[1].setup.model.option("positions") == "alibi"
    assert found[2].setup.model.option("attention.positions") == "alibi"
    assert "layer.attention.positions" in found[2].decided
    with pytest.raises(UserError, match="said for all arms, but lstm"):
        arms("lstm", "attention", fixed={"layer.positions": "alibi"})
    with pytest.raises(UserError, match=r"attention\.positions"):
        arms("lru+attention", fixed={"layer.positions": "alibi"})


def test_what_varies_in_one_layer_multiplies_only_the_models_that_have_it():
    found = arms("gru", "gru+lru", vary={"layer.lru.largest_phase": (1.0, 3.0)})
    assert [arm.label for arm in found] == [
        "gru",
        "gru+lru layer.lru.largest_phase=1.0",
        "gru+lru layer.lru.largest_phase=3.0",
    ]
    assert [arm.setup.model.option("lru.largest_phase") for arm in found[1:]] == [1.0, 3.0]


def test_a_hybrid_meets_the_budget_and_its_layers_are_tuned():
    config = CompareConfig(models=("gru+lru",), budget=20_000, depth=2, trials=4, companions=False)
    (arm,) = make_arms(config, Recall(), WORKBENCH)
    built = build(arm.setup.model, Recall().input_form, Recall().output_size)
    assert count_parameters(built).matched == pytest.approx(20_000, rel=0.15)
    specs = [job.spec.model for job in tuning_jobs(config, Recall(), ArmRecord(arm, [], arm, [], None))]
    for knob in ("gru.keep_bias", "lru.smallest_modulus"):
        assert len({model.option(knob) for model in specs}) == 4


def test_where_state_is_matched_the_knob_of_the_layer_that_has_one_is_solved():
    (arm,) = arms("lstm+attention", match="state", budget=60_000)
    assert arm.setup.model.width == ModelConfig.width
    assert arm.reason is None
    assert arm.setup.model.option("attention.context_length") != default_config("attention").options["context_length"]


def test_blocks_vary_like_any_field():
    found = arms("gru", vary={"block": ("plain", "highway", "dense")})
    assert [arm.setup.model.block for arm in found] == ["plain", "highway", "dense"]
    assert len({arm.setup.model.width for arm in found}) == 3
    with pytest.raises(UserError, match="unknown block 'hihgway'; did you mean 'highway'"):
        arms("gru", vary={"block": ("plain", "hihgway")})


def test_an_arm_rests_on_the_code_of_its_block(tmp_path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(tmp_path)
    sources = []
    for edit in ("", "# edited"):
        text = f"from statewise.models.blocks.table import BLOCKS\n\nMINE = BLOCKS['plain']\n{edit}"
        (tmp_path / "own_block_of_arm.py").write_text(text, encoding="utf-8")
        sources.append(arms("gru", fixed={"block": "own_block_of_arm:MINE"})[0].source)
    assert sources[0] != sources[1]
