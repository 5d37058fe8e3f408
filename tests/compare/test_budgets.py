"""The size that meets a budget, for everything in the catalog and everything that can be matched."""

import itertools
from dataclasses import replace

import pytest
import torch

from statewise.catalog import SEQUENCE_LAYERS
from statewise.compare.arms import make_arms
from statewise.compare.budget import NEAR, UNITS, arm_cost, meet_budget
from statewise.compare.config import CompareConfig
from statewise.contract import InputForm, Model, SequenceLayer, Vectors
from statewise.cost.flops import step_flops
from statewise.cost.parameters import count_parameters, state_bytes
from statewise.errors import UserError
from statewise.importing import import_path
from statewise.models.config import ModelConfig
from statewise.tasks.recalling import DelayedRecall
from statewise.workbench import WORKBENCH

BUDGETS = {"parameters": (3_000, 20_000), "flops": (20_000, 100_000), "state": (300, 2_048)}
CASES = [(match, budget) for match, budgets in BUDGETS.items() for budget in budgets]
FREE = {("feedforward", "state"), ("window-mlp", "state")}
"""What costs nothing at its smallest size: no state, a window of one step"""

TASK = DelayedRecall(delay=1, shortest=6, longest=6)


def default(name: str) -> ModelConfig:
    return WORKBENCH.default_config(name, depth=1, context_length=8, options={})


def knob(name: str, match: str) -> str | None:
    return SEQUENCE_LAYERS[name].layer.state_knob if match == "state" else None


def multiple(name: str, match: str) -> int:
    return 1 if knob(name, match) else WORKBENCH.pattern_of(name, {}).width_multiple


def sized(name: str, match: str, size: int) -> ModelConfig:
    model, option = default(name), knob(name, match)
    return replace(model, options={**model.options, option: size}) if option else replace(model, width=size)


def solve(name: str, match: str, budget: int) -> tuple[int, str | None]:
    config = CompareConfig(match=match, budget=budget, depth=1)
    model, reason = meet_budget(config, TASK, WORKBENCH, WORKBENCH.pattern_of(name, {}), default(name))
    option = knob(name, match)
    return model.options[option] if option else model.width, reason


def cost(name: str, match: str, size: int) -> int:
    return arm_cost(match, TASK, WORKBENCH, sized(name, match, size))


@pytest.mark.parametrize("name", SEQUENCE_LAYERS)
def test_what_is_worked_out_without_weights_is_what_a_model_costs(name):
    config = default(name)
    model = WORKBENCH.make_model(config, TASK.input_form, TASK.output_size)
    assert arm_cost("parameters", TASK, WORKBENCH, config) == count_parameters(model).matched
    assert arm_cost("flops", TASK, WORKBENCH, config) == sum(step_flops(model.body))
    assert arm_cost("state", TASK, WORKBENCH, config) == state_bytes(model)


@pytest.mark.parametrize("name", SEQUENCE_LAYERS)
@pytest.mark.parametrize(("match", "budget"), CASES)
def test_the_size_is_the_nearest_and_near_or_said_not_to_be(name, match, budget):
    size, reason = solve(name, match, budget)
    step = multiple(name, match)
    gap = abs(cost(name, match, size) - budget)
    assert size % step == 0
    assert (gap > NEAR * budget) == (reason is not None), reason
    assert gap <= abs(cost(name, match, size + step) - budget)
    assert size == step or gap <= abs(cost(name, match, size - step) - budget)


@pytest.mark.parametrize(
    ("name", "match"), [case for case in itertools.product(SEQUENCE_LAYERS, BUDGETS) if case not in FREE]
)
def test_a_budget_below_the_smallest_size_is_answered_with_that_size(name, match):
    smallest = cost(name, match, multiple(name, match))
    _, reason = solve(name, match, max(1, smallest // 2))
    assert reason is not None
    assert f"{smallest:,} {UNITS[match]}" in reason


def test_a_budget_between_two_sizes_is_said_to_be_unreachable():
    """A window of one step and a window of two: their state lies far apart."""
    short, long = (cost("attention", "state", window) for window in (1, 2))
    _, reason = solve("attention", "state", (short + long) // 2)
    assert reason is not None
    assert "no context_length brings it near" in reason


@pytest.mark.parametrize("name", [name for name in SEQUENCE_LAYERS if SEQUENCE_LAYERS[name].layer.state_knob])
def test_where_state_is_matched_its_knob_is_solved_and_the_width_stays(name: str):
    budget = 30_000 if name in ("lru", "lmu") else 60_000  # of a state of S numbers, not S a channel
    config = CompareConfig(models=(name,), match="state", budget=budget, depth=1)
    (arm,) = make_arms(config, TASK, WORKBENCH)
    assert arm.setup.model.width == ModelConfig.width
    assert arm_cost("state", TASK, WORKBENCH, arm.setup.model) == pytest.approx(budget, rel=NEAR)
    option = SEQUENCE_LAYERS[name].layer.state_knob
    said = replace(config, fixed={f"layer.{option}": 3})
    if name in ("lru", "s5", "rg-lru", "ntm"):  # of a state that the width hardly moves
        with pytest.raises(UserError, match="no width brings it"):
            make_arms(said, TASK, WORKBENCH)
        return
    (arm,) = make_arms(said, TASK, WORKBENCH)
    assert arm.setup.model.options[option] == 3
    assert arm_cost("state", TASK, WORKBENCH, arm.setup.model) == pytest.approx(budget, rel=NEAR)


@pytest.mark.parametrize(
    ("name", "match"),
    [case for case in itertools.product(SEQUENCE_LAYERS, BUDGETS) if case not in FREE],
)
def test_a_larger_model_costs_more(name, match):
    """What the search by halves rests on."""
    step = multiple(name, match)
    costs = [cost(name, match, units * step) for units in (1, 2, 3, 4, 8)]
    assert costs == sorted(set(costs))


@pytest.mark.parametrize("name", SEQUENCE_LAYERS)
@pytest.mark.parametrize("match", BUDGETS)
def test_no_size_is_solved_by_making_weights(name, match):
    """A reservoir of 3,000 units would take minutes, and a model as large as attention's state its memory too."""

    def make(model: ModelConfig, input_form: InputForm, output_size: int) -> Model:
        assert torch.get_default_device().type == "meta"
        return WORKBENCH.make_model(model, input_form, output_size)

    budget = {"parameters": 3_000_000, "flops": 10_000_000, "state": 100_000}[match]
    config = CompareConfig(match=match, budget=budget, depth=1)
    builders = WORKBENCH._replace(make_model=make)
    _, reason = meet_budget(config, TASK, builders, WORKBENCH.pattern_of(name, {}), default(name))
    assert reason is None or (name, match) in FREE | {("ntm", "parameters")}


@pytest.mark.parametrize("name", ["lstm", "gru", "min-gru", "rnn", "echo-state"])
def test_the_width_grows_until_the_state_of_a_long_window_is_met(name):
    window = replace(default("attention"), options={**default("attention").options, "context_length": 100})
    budget = arm_cost("state", TASK, WORKBENCH, window)
    width, reason = solve(name, "state", budget)
    assert reason is None
    assert width > 2 * 4096


def test_a_size_that_no_machine_could_hold_is_unreachable_and_says_so():
    width, reason = solve("lstm", "state", 10**9)
    assert width < 2**16
    assert "no width brings it near" in reason


class Valued(SequenceLayer):
    """A layer whose making rests on the values of its weights."""

    def __init__(self, *, input_size: int, hidden_size: int) -> None:
        super().__init__(Vectors(input_size), hidden_size)
        assert hidden_size <= 2**14, "made too large"
        self.weights = torch.nn.Parameter(torch.empty(hidden_size, hidden_size))
        self.norm = float(torch.zeros(2).norm())

    def initial_state(self, batch_size: int) -> torch.Tensor:
        return self.zeros(batch_size, self.output_size)

    def step(self, x: torch.Tensor, state: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        h = x + state @ self.weights
        return h, h


def test_a_layer_that_has_to_be_made_in_full_is_not_made_too_large():
    model = ModelConfig(import_path(Valued), depth=1)
    kind = WORKBENCH.pattern_of(model.layer, {})
    sized, reason = meet_budget(CompareConfig(match="state", budget=10**9), TASK, WORKBENCH, kind, model)
    assert sized.width <= 2**14
    assert "brings it near" in reason
    sized, reason = meet_budget(CompareConfig(match="state", budget=400), TASK, WORKBENCH, kind, model)
    assert (sized.width, reason) == (100, None)
