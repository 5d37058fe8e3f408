"""Arms of a comparison: complete configs, each as wide as the budget allows."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch

from statewise.compare.config import CompareConfig
from statewise.compare.fields import Fields, Setup, constructor_options
from statewise.compare.trial import trial_task
from statewise.compare.workbench import Kind, Workbench
from statewise.cost.flops import step_flops
from statewise.cost.parameters import count_parameters, state_bytes
from statewise.errors import UserError
from statewise.models.config import ModelConfig
from statewise.tasks.base import Task

WIDEST = 4096
NEAR = 0.15
"""How far from the budget an arm may be, as a fraction of it"""


@dataclass(frozen=True)
class Arm:
    """One complete config; ``reason`` says why the budget cannot be met, where it cannot."""

    label: str
    name: str
    kind: Kind
    setup: Setup
    decided: tuple[str, ...]
    """Fields that a person set or varies, which tuning leaves alone"""
    baseline: bool = False
    """Whether it only runs along, for the others to be held against"""
    reason: str | None = None


def make_arms(config: CompareConfig, task: Task, bench: Workbench) -> list[Arm]:
    """Every model with every combination of what varies, and the simple rivals that run along.

    Raises:
        UserError: if a model, field or value does not exist, or no arm can meet the budget.
    """
    maker = _Maker(config, task, bench)
    arms = [
        maker.arm(name, dict(zip(config.vary, values, strict=True)), config.fixed)
        for name, values in itertools.product(config.models, itertools.product(*config.vary.values()))
    ]
    if all(arm.reason for arm in arms):
        raise UserError(f"no arm can meet the budget: {arms[0].label}: {arms[0].reason}")
    return arms + list(maker.rivals())


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


def fields_of(name: str, kind: Kind, task: Task) -> Fields:
    """The fields that an arm of this kind has on a task."""
    return Fields(name, kind.options, constructor_options(type(task)))


class _Maker:
    """Makes the arms of one comparison."""

    def __init__(self, config: CompareConfig, task: Task, bench: Workbench) -> None:
        self.config = config
        self.task = task
        self.bench = bench
        self.context = longest_context(task, evaluated_lengths(config, task))

    def arm(self, name: str, varied: Mapping[str, Any], fixed: Mapping[str, Any], *, baseline: bool = False) -> Arm:
        """One arm, its width solved unless it was said."""
        kind = self.bench.describe(name)
        fields = fields_of(name, kind, self.task)
        train = self.config.train
        if kind.closed_form and self.task.regression:
            train = replace(train, readout="ridge")
        decided = {**fixed, **varied}
        given = fields.set_all(Setup(ModelConfig(layer=name), train, self.config.task_options), decided)
        model = self.bench.default_config(name, depth=self.config.depth, context_length=self._context(given))
        setup = fields.set_all(replace(given, model=model), decided)
        label = " ".join([name, *(f"{field}={value}" for field, value in varied.items())])
        arm = Arm(label, name, kind, setup, tuple(decided), baseline)
        if "width" in {field.rpartition(".")[2] for field in decided}:
            arm_cost("parameters", self.task, self.bench, setup.model)
            return arm
        width, reason = solve_width(self.config, self.task, self.bench, setup.model, kind.width_multiple)
        return replace(arm, setup=replace(setup, model=replace(setup.model, width=width)), reason=reason)

    def rivals(self) -> Iterator[Arm]:
        """Simple models that run along, with those of the set fields that they have."""
        for name in self.bench.rivals(self.task) if self.config.baselines else ():
            if name not in self.config.models:
                has = fields_of(name, self.bench.describe(name), self.task).has
                yield self.arm(name, {}, {f: v for f, v in self.config.fixed.items() if has(f)}, baseline=True)

    def _context(self, setup: Setup) -> int | None:
        """How far back an arm has to look: as far as is evaluated, or trained on where that is further."""
        options = self.config.task_options
        trained = trial_task(self.bench, self.config.task, options, setup.task_options).longest_context()
        return max(self.context, trained) if self.context and trained else self.context


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
