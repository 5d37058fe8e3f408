"""What an arm costs, and the size at which it costs what the budget allows."""

from collections.abc import Callable
from dataclasses import replace

import torch

from statewise.compare.builders import Builders
from statewise.compare.config import CompareConfig
from statewise.cost.flops import step_flops
from statewise.cost.parameters import count_parameters, state_bytes
from statewise.errors import UserError
from statewise.models.config import ModelConfig
from statewise.models.pattern import Pattern
from statewise.tasks.task import Task

LARGEST = 4096
"""Width or value of a state knob beyond which none is looked for"""
NEAR = 0.15
"""How far from the budget an arm may be, as a fraction of it"""


def meet_budget(
    config: CompareConfig, task: Task, builders: Builders, kind: Pattern, model: ModelConfig, *, knob_decided: bool = False
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

    best = _nearest(cost, config.budget, LARGEST // multiple)
    reached = cost(best)
    if abs(reached - config.budget) <= NEAR * config.budget:
        return at(best), None
    if cost(1) > config.budget:
        return at(best), f"its smallest size costs {cost(1):,} {config.match}; the budget is {config.budget:,}"
    size = knob or "width"
    return at(best), f"unreachable: no {size} brings it to {config.budget:,} {config.match}, the nearest {reached:,}"


def arm_cost(match: str, task: Task, builders: Builders, model: ModelConfig) -> int:
    """What an arm spends of what is matched: worked out without weights, which take memory and time to make.

    Only a layer whose making or cost depends on their values, such as a sparse reservoir, is made in full.
    """
    try:
        with torch.device("meta"):
            return _spent(match, task, builders, model)
    except (RuntimeError, UserError):
        with torch.random.fork_rng(devices=[]):
            return _spent(match, task, builders, model)


def _spent(match: str, task: Task, builders: Builders, model: ModelConfig) -> int:
    built = builders.make_model(model, task.input_form, task.output_size)
    if match == "parameters":
        return count_parameters(built).matched
    return state_bytes(built) if match == "state" else sum(step_flops(built.body))


def _nearest(cost: Callable[[int], int], budget: int, largest: int) -> int:
    """The size from 1 whose cost, which grows with it, is nearest to the budget."""
    low, high = 1, 2
    while high < largest and cost(high) < budget:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if cost(middle) < budget else (low, middle)
    return min((low, high), key=lambda size: abs(cost(size) - budget))
