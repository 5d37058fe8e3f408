"""Arms of a comparison: complete configs, each as large as the budget allows."""

import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from statewise.compare.budget import arm_cost, meet_budget
from statewise.compare.builders import Builders
from statewise.compare.config import CompareConfig
from statewise.compare.source import source_hash
from statewise.compare.trained_on import task_to_train_on
from statewise.errors import UserError
from statewise.fields import Fields, Setup, fields_said
from statewise.models.config import ModelConfig
from statewise.models.members import layers_at
from statewise.models.pattern import Pattern
from statewise.options import option_types
from statewise.tasks.data import TaskData
from statewise.tasks.task import Task
from statewise.train.config import TrainConfig
from statewise.train.curriculum import check_curriculum
from statewise.train.start import with_usual_readout
from statewise.used import idle_fields, why_idle, without_idle

Value = TypeVar("Value")


@dataclass(frozen=True)
class Arm:
    """One complete config; ``reason`` says why the budget cannot be met, where it cannot."""

    label: str
    name: str
    kind: Pattern
    setup: Setup
    fingerprint: str
    """Of the data it is trained on and scored with"""
    source: str
    """Hash of the code that decides its scores"""
    decided: tuple[str, ...]
    """Full names of the fields that a person set or varies, which tuning leaves alone"""
    idle: tuple[str, ...] = ()
    """What was said for all arms and has no effect on this one, each with the reason in words"""
    companion: bool = False
    """Whether it only runs along, for the others to be held against"""
    reason: str | None = None


def make_arms(config: CompareConfig, task: Task, builders: Builders) -> list[Arm]:
    """Every model with every combination of what varies, and the companions of its task.

    Raises:
        UserError: if a model, field or value does not exist, or no arm can meet the budget.
    """
    maker = _Maker(config, task, builders)
    arms = list(maker.arms())
    _refuse_idle(config, arms)
    if all(arm.reason for arm in arms):
        others = "" if len(arms) == 1 else "; no other arm meets the budget either"
        raise UserError(f"{arms[0].label}: {arms[0].reason}{others}")
    return arms + list(maker.companions())


def evaluated_lengths(config: CompareConfig, data: TaskData) -> tuple[int, ...]:
    """The lengths that are scored: those asked for, or a log grid up to four times the longest trained on."""
    if data.train_lengths is None:
        if config.lengths:
            raise UserError(f"task {config.task} has no lengths; leave --lengths out")
        return ()
    longest = data.train_lengths[1]
    return config.lengths or tuple(
        sorted({max(data.train_lengths[0], longest // 2), longest, 2 * longest, 4 * longest})
    )


def longest_context(data: TaskData, lengths: tuple[int, ...]) -> int | None:
    """Time steps of the longest sequence that is trained on or evaluated: what a window must span."""
    if not lengths:
        return data.longest_context()
    batches = (next(data.evaluation("valid", batch_size=1, length=length)) for length in lengths)
    return max(batch.shape[1] for batch in batches)


def fields_of(name: str, kind: Pattern, task: Task) -> Fields:
    """The fields that an arm of this kind has on a task."""
    return Fields(name, kind.option_types, option_types(type(task)))


def _idle(setup: Setup) -> dict[str, str]:
    """Full name of every field that was set and has no effect -> the field as it was said, and why, in words."""
    told = {
        f"{part}.{name}": f"{name}={_as_said(getattr(config, name))} {why_idle(config, needs)}"
        for part, config in (("model", setup.model), ("train", setup.train))
        for name, needs in idle_fields(config).items()
    }
    if setup.train.pretraining != TrainConfig.pretraining and setup.model.depth == 1:
        told["train.pretraining"] = f"pretraining={setup.train.pretraining} has no effect with depth=1"
    return told


def _without_idle(setup: Setup) -> Setup:
    """The same setup, all that has no effect at its default."""
    train = setup.train
    if setup.model.depth == 1:
        train = replace(train, pretraining=TrainConfig.pretraining)
    return replace(setup, model=without_idle(setup.model), train=without_idle(train))


def _refuse_idle(config: CompareConfig, arms: list[Arm]) -> None:
    """Raise a ``UserError`` where a field is said for all arms and counts for none of them."""
    for field in config.fixed:
        said = f"{field.removeprefix('train.').removeprefix('model.')}="
        idle = [told for arm in arms for told in arm.idle if told.startswith(said)]
        if len(idle) == len(arms):
            raise UserError(f"{idle[0]}, as all arms have it; leave it out, or change that")


def _layer_named(field: str) -> str:
    """The name of the layer that an option may have before it; anything else of a field that has none."""
    return field.removeprefix("layer.").partition(".")[0]


def _as_said(value: Any) -> str:
    """A value as a person writes it on the command line."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


class _Maker:
    """Makes the arms of one comparison."""

    def __init__(self, config: CompareConfig, task: Task, builders: Builders) -> None:
        self.config = config
        self.task = task
        self.builders = builders
        self.context = longest_context(task, evaluated_lengths(config, task))

    def arms(self) -> Iterator[Arm]:
        """Every model that was named with every combination of what varies."""
        self._check_fields()
        for name in self.config.models:
            vary, fixed = self._meant_for(name, self.config.vary), self._meant_for(name, self.config.fixed)
            for values in itertools.product(*vary.values()):
                yield self.arm(name, dict(zip(vary, values, strict=True)), fixed)

    def companions(self) -> Iterator[Arm]:
        """The task's companions, with those of the set fields that they have."""
        for name in self.task.companions if self.config.companions else ():
            if name not in self.config.models:
                has = self._fields(name, self.config.fixed).has
                yield self.arm(name, {}, {f: v for f, v in self.config.fixed.items() if has(f)}, companion=True)

    def arm(self, name: str, varied: Mapping[str, Any], fixed: Mapping[str, Any], *, companion: bool = False) -> Arm:
        """One arm, its size solved unless it was said."""
        values = {**fixed, **varied}
        fields = self._fields(name, values)
        decided = tuple(fields.full_name(field) for field in values)
        if len(set(decided)) < len(decided):
            raise UserError(f"{max(decided, key=decided.count)} is said twice; say it once")
        given = fields.set_all(Setup(ModelConfig(layer=name), self.config.train, self.config.task_options), values)
        kind = self.builders.pattern_of(name, given.model.options)
        decided = tuple(dict.fromkeys((*decided, *(f"layer.{path}" for path in given.model.said()))))
        train = with_usual_readout(self.config.train, self.task, closed_form=kind.closed_form)
        learnt = task_to_train_on(
            self.task, self.builders, self.config.task, self.config.task_options, given.task_options
        )
        model = self.builders.default_config(
            name, depth=self.config.depth, context_length=self._context(learnt), options=given.model.options
        )
        said = fields.set_all(replace(given, model=model, train=train), values)
        setup = replace(said, model=replace(said.model, options=model.options))
        if setup.train.steps < 1:
            raise UserError(f"{name} learns nothing in 0 steps; say --steps 1000")
        label = " ".join([name, *(f"{field}={_as_said(value)}" for field, value in varied.items())])
        source = source_hash([*kind.names, setup.model.block, self.config.task])
        fingerprint = " ".join(dict.fromkeys(data.fingerprint() for data in (learnt, self.task)))
        idle = _idle(setup)
        for field in varied:
            if (told := idle.get(fields.full_name(field))) is not None:
                why = told.partition(" ")[2]
                raise UserError(
                    f"{label}: {field} {why}, so that arms would be the same; vary what counts for all of them"
                )
        setup = _without_idle(setup)
        check_curriculum(learnt, setup.train)
        arm = Arm(label, name, kind, setup, fingerprint, source, decided, tuple(idle.values()), companion)
        if "model.width" in decided:
            arm_cost("parameters", self.task, self.builders, setup.model)
            return arm
        knob_decided = f"layer.{kind.state_knob}" in decided
        sized, reason = meet_budget(self.config, self.task, self.builders, kind, setup.model, knob_decided=knob_decided)
        return replace(arm, setup=replace(setup, model=sized), reason=reason)

    def _fields(self, name: str, values: Mapping[str, Any]) -> Fields:
        """The fields of a kind of model with the layers inside it that ``values`` say."""
        return fields_said(name, values, self.builders.pattern_of, task_options=option_types(type(self.task)))

    def _check_fields(self) -> None:
        """Raises ``UserError`` where a field is said for all arms and only some have it."""
        values = {**self.config.fixed, **{field: said[0] for field, said in self.config.vary.items()}}
        meant = {name: self._meant_for(name, values) for name in self.config.models}
        known = {name: self._fields(name, meant[name]) for name in self.config.models}
        for field in values:
            asked = [name for name in self.config.models if field in meant[name]]
            lacking = [name for name in asked if not known[name].has(field)]
            if 0 < len(lacking) < len(asked):
                raise UserError(
                    f"'{field}' is said for all arms, but {', '.join(lacking)} has no such field; leave it or the "
                    "models without it out, or say whose it is, as in layer.lstm.forget_bias"
                )

    def _meant_for(self, name: str, values: Mapping[str, Value]) -> dict[str, Value]:
        """What is said of a model: all but the fields that begin with the name of a layer that only others have."""
        others = {place for model in self.config.models for place in layers_at(model)} - layers_at(name).keys()
        return {field: value for field, value in values.items() if _layer_named(field) not in others}

    def _context(self, learnt: TaskData) -> int | None:
        """How far back an arm has to look: as far as is evaluated, or trained on where that is further."""
        trained = learnt.longest_context()
        return max(self.context, trained) if self.context and trained else self.context
