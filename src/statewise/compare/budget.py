"""What an arm costs, and the size at which it costs what the budget allows."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar

import torch

from statewise.compare.builders import Builders
from statewise.compare.config import CompareConfig
from statewise.contract import Model
from statewise.cost.flops import step_flops
from statewise.cost.parameters import count_parameters, state_bytes
from statewise.errors import UserError
from statewise.models.config import ModelConfig
from statewise.models.pattern import Pattern
from statewise.tasks.task import Task
from statewise.train.config import TrainConfig

Count = TypeVar("Count")

MOST_WEIGHTS = 2**32
"""A model of more is not made larger still, though it costs less than the budget"""
MOST_MADE = 2**26
"""Likewise where a model has to be made in full for its cost to be known"""
LARGEST = 2**24
"""Width or value of a state knob beyond which none is looked for"""
UNITS = {"parameters": "parameters", "flops": "operations a token", "state": "bytes of state"}
"""What may be matched -> what it is counted in"""
NEAR = 0.15
"""How far from the budget an arm may be, as a fraction of it"""


def meet_budget(
    config: CompareConfig,
    task: Task,
    builders: Builders,
    kind: Pattern,
    model: ModelConfig,
    *,
    knob_decided: bool = False,
) -> tuple[ModelConfig, str | None]:
    """The model at the size whose cost is nearest to the budget, and why that is too far off where it is.

    The size is the width. Where state is matched and the kind declares what its state holds (window, slots, S), it is
    that, at the width configured.

    Args:
        config: says what is matched and the budget.
        task: gives the input side.
        builders: builders.
        kind: of the model.
        model: all but its size.
        knob_decided: whether a person said the value of the state knob, so that the width is solved for.
    """
    knob = kind.state_knob if config.match == "state" and not knob_decided else None
    multiple = 1 if knob else kind.width_multiple

    def at(units: int) -> ModelConfig:
        if knob:
            return model.with_option(knob, units)
        return replace(model, width=units * multiple)

    def cost(units: int) -> int:
        return arm_cost(config.match, task, builders, at(units))

    def light(units: int) -> bool:
        return cost_of(_weights, task, builders, at(units)) <= most

    most = MOST_WEIGHTS if _is_weightless(task, builders, at(1)) else MOST_MADE
    best = _nearest(cost, config.budget, light)
    reached = cost(best)
    if abs(reached - config.budget) <= NEAR * config.budget:
        return at(best), None
    if cost(1) > config.budget:
        return at(best), (
            f"its smallest size costs {cost(1):,} {UNITS[config.match]}, the budget is {config.budget:,}; "
            f"say --budget {cost(1)}"
        )
    size = knob or "width"
    return at(best), (
        f"no {size} brings it near {config.budget:,} {UNITS[config.match]}, the nearest costs {reached:,}; "
        f"say --budget {reached}"
    )


def arm_cost(match: str, task: Task, builders: Builders, model: ModelConfig) -> int:
    """What an arm spends of what is matched."""
    return cost_of(MATCHED[match], task, builders, model)


def passes_of(train: TrainConfig) -> int:
    """Operations of an update over those of a forward pass: backward costs twice as much, where there is one."""
    return 1 if train.readout == "ridge" else 3


def cost_of(count: Callable[[Model], Count], task: Task, builders: Builders, model: ModelConfig) -> Count:
    """Something counted of a model: worked out without weights, which take memory and time to make.

    Only a layer whose making or cost depends on their values is made in full.
    """
    try:
        return _without_weights(count, task, builders, model)
    except (RuntimeError, UserError):
        with torch.random.fork_rng(devices=[]):
            return count(builders.make_model(model, task.input_form, task.output_size))


def _without_weights(count: Callable[[Model], Count], task: Task, builders: Builders, model: ModelConfig) -> Count:
    with torch.device("meta"):
        return count(builders.make_model(model, task.input_form, task.output_size))


def _is_weightless(task: Task, builders: Builders, model: ModelConfig) -> bool:
    """Whether a model's cost can be worked out without weights."""
    try:
        return all(_without_weights(count, task, builders, model) >= 0 for count in (_weights, *MATCHED.values()))
    except (RuntimeError, UserError):
        return False


def _weights(model: Model) -> int:
    return sum(weight.numel() for weight in (*model.parameters(), *model.buffers()))


def _matched_parameters(model: Model) -> int:
    return count_parameters(model).matched


def _flops(model: Model) -> int:
    return sum(step_flops(model.body))


MATCHED: Mapping[str, Callable[[Model], int]] = {
    "parameters": _matched_parameters,
    "flops": _flops,
    "state": state_bytes,
}
"""What may be made equal -> how it is counted"""


def _nearest(cost: Callable[[int], int], budget: int, light: Callable[[int], bool]) -> int:
    """The size from 1 whose cost, which grows with it, is nearest to the budget, among models that are light enough."""
    low, high = 1, 2
    while high < LARGEST and cost(high) < budget and light(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if cost(middle) < budget else (low, middle)
    return min((low, high), key=lambda size: abs(cost(size) - budget))
