"""Arms of a comparison: complete configs, each as wide as the budget allows."""

import itertools
from dataclasses import dataclass, fields, replace
from typing import Any

import torch

from statewise.compare.config import CompareConfig
from statewise.compare.workbench import Kind, Workbench
from statewise.cost.flops import step_flops
from statewise.cost.parameters import count_parameters, state_bytes
from statewise.errors import UserError
from statewise.models.config import ModelConfig
from statewise.tasks.base import Task
from statewise.train.config import TrainConfig

WIDEST = 4096
NEAR = 0.15
"""How far from the budget an arm may be, as a fraction of it"""


@dataclass(frozen=True)
class Arm:
    """One complete config; ``reason`` says why the budget cannot be met, where it cannot."""

    label: str
    name: str
    kind: Kind
    model: ModelConfig
    train: TrainConfig
    reason: str | None = None


def make_arms(config: CompareConfig, task: Task, bench: Workbench) -> list[Arm]:
    """Every model with every combination of what varies.

    Raises:
        UserError: if a model, field or value does not exist, or no arm can meet the budget.
    """
    context = longest_context(task, evaluated_lengths(config, task))
    combinations = list(itertools.product(*config.vary.values()))
    arms = []
    for name in config.models:
        for values in combinations:
            varied = dict(zip(config.vary, values, strict=True))
            arms.append(_arm(config, task, bench, name, varied, context))
    if all(arm.reason for arm in arms):
        raise UserError(f"no arm can meet the budget: {arms[0].label}: {arms[0].reason}")
    return arms


def evaluated_lengths(config: CompareConfig, task: Task) -> tuple[int, ...]:
    """The lengths that are scored: those asked for, or a log grid up to four times the longest trained on."""
    if task.train_lengths is None:
        if config.lengths:
            raise UserError(f"task {task.name} has no lengths; leave --lengths out")
        return ()
    longest = task.train_lengths[1]
    return config.lengths or tuple(
        sorted({max(task.train_lengths[0], longest // 2), longest, 2 * longest, 4 * longest})
    )


def longest_context(task: Task, lengths: tuple[int, ...]) -> int | None:
    """Time steps of the longest sequence that is trained on or evaluated: what a window must span."""
    if not lengths:
        return task.longest_context()
    batches = (next(task.evaluation("valid", batch_size=1, length=length)) for length in lengths)
    return max(batch.inputs.shape[1] for batch in batches)


def with_field(model: ModelConfig, train: TrainConfig, name: str, value: Any) -> tuple[ModelConfig, TrainConfig]:
    """The configs with one field set: of the training, the model, or an option of its layer."""
    if name in {field.name for field in fields(TrainConfig)}:
        return model, replace(train, **{name: value})
    if name in {field.name for field in fields(ModelConfig)} - {"options", "layer"}:
        return replace(model, **{name: value}), train
    return replace(model, options={**model.options, name: value}), train


def _arm(
    config: CompareConfig, task: Task, bench: Workbench, name: str, varied: dict[str, Any], context: int | None
) -> Arm:
    kind = bench.describe(name)
    model = bench.default_config(name, depth=config.depth, context_length=context)
    train = config.train
    if kind.closed_form and task.regression:
        train = replace(train, readout="ridge")
    for field, value in {**config.fixed, **varied}.items():
        model, train = with_field(model, train, field, value)
    label = " ".join([name, *(f"{field}={value}" for field, value in varied.items())])
    if "width" in config.fixed or "width" in varied:
        return Arm(label, name, kind, model, train)
    width, reason = solve_width(config, task, bench, model, kind.width_multiple)
    return Arm(label, name, kind, replace(model, width=width), train, reason)


def solve_width(
    config: CompareConfig, task: Task, bench: Workbench, model: ModelConfig, multiple: int
) -> tuple[int, str | None]:
    """The width whose cost is nearest to the budget, and why it is too far off where it is."""

    def cost(units: int) -> int:
        return arm_cost(config.match, task, bench, replace(model, width=units * multiple))

    low, high = 1, 2
    while high * multiple < WIDEST and cost(high) < config.budget:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if cost(middle) < config.budget else (low, middle)
    best = min((low, high), key=lambda units: abs(cost(units) - config.budget))
    reached = cost(best)
    if abs(reached - config.budget) <= NEAR * config.budget:
        return best * multiple, None
    if cost(1) > config.budget:
        return best * multiple, f"its smallest size costs {reached:,} {config.match}; the budget is {config.budget:,}"
    return (
        best * multiple,
        f"unreachable: no width brings it to {config.budget:,} {config.match}, the nearest {reached:,}",
    )


def arm_cost(match: str, task: Task, bench: Workbench, model: ModelConfig) -> int:
    """What an arm spends of what is matched."""
    with torch.random.fork_rng(devices=[]):
        built = bench.make_model(model, task.input_form, task.output_size)
    if match == "parameters":
        return count_parameters(built).matched
    return state_bytes(built) if match == "state" else sum(step_flops(built.body))
