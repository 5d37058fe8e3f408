"""Which fields of a training's config count, given the others: what is said and not used would mislead whoever said it.

a field counts where another has one of some values, and that other field counts
"""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from statewise.errors import UserError
from statewise.train.config import TrainConfig

Condition = tuple[str, tuple[str, ...]]
"""Another field, and the values with which it makes this one count"""

DESCENT: Condition = ("readout", ("gradient",))
SOLVED: Condition = ("readout", ("ridge",))
COUNTS_WITH: Mapping[str, Condition] = {
    **dict.fromkeys(
        ("accumulate", "learning_rate", "optimizer", "weight_decay", "l1", "l2", "schedule", "warmup", "clip"), DESCENT
    ),
    **dict.fromkeys(("patience", "precision", "checkpoint_time", "pretraining"), DESCENT),
    "momentum": ("optimizer", ("sgd", "rmsprop")),
    "betas": ("optimizer", ("adamw",)),
    "decay_to": ("schedule", ("cosine",)),
    "decay_every": ("schedule", ("step",)),
    "decay_factor": ("schedule", ("step", "plateau")),
    "plateau_patience": ("schedule", ("plateau",)),
    "clip_at": ("clip", ("norm", "value")),
    "ridge": SOLVED,
    "washout": SOLVED,
    "curriculum_from": ("curriculum", ("linear", "pow2")),
    "curriculum_share": ("curriculum", ("linear", "pow2")),
    "pretraining_share": ("pretraining", ("greedy", "greedy-frozen")),
}
"""Fields that count under a condition; all others always do"""


def idle_fields(config: TrainConfig) -> dict[str, Condition]:
    """What differs from its default and has no effect -> the condition that is not met.

    >>> idle_fields(TrainConfig(momentum=0.5, optimizer="sgd", readout="ridge"))
    {'optimizer': ('readout', ('gradient',)), 'momentum': ('readout', ('gradient',))}
    """
    defaults = {field.name: field.default for field in fields(TrainConfig)}
    unmet = {name: _unmet(config, name) for name in defaults if getattr(config, name) != defaults[name]}
    return {name: condition for name, condition in unmet.items() if condition is not None}


def without_idle(config: TrainConfig) -> TrainConfig:
    """The same training, all that has no effect on it at its default."""
    defaults: dict[str, Any] = {field.name: field.default for field in fields(TrainConfig)}
    return replace(config, **{name: defaults[name] for name in idle_fields(config)})


def refuse_idle(config: TrainConfig) -> None:
    """Raise a ``UserError`` that names the first field that was set and has no effect."""
    for name, (other, values) in idle_fields(config).items():
        raise UserError(f"{name} {why_idle(config, other)}; leave it out, or say {other}={' or '.join(values)}")


def why_idle(config: TrainConfig, other: str) -> str:
    """In words, why a field is idle: the value of the one that it depends on."""
    return f"has no effect with {other}={getattr(config, other)}"


def _unmet(config: TrainConfig, name: str) -> Condition | None:
    """The condition that keeps a field from counting, the one furthest up; ``None`` if it counts."""
    if name not in COUNTS_WITH:
        return None
    other, values = COUNTS_WITH[name]
    return _unmet(config, other) or (None if getattr(config, other) in values else (other, values))
