"""Fields of a complete config by name: of the training, the model, an option of its layer, or of the task."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from statewise.errors import UserError, unknown
from statewise.models.config import ModelConfig
from statewise.models.members import layers_at
from statewise.models.pattern import Pattern
from statewise.options import fitting, option_types
from statewise.train.config import TrainConfig

OTHERWISE = {"layer": "--models or --model", "options": "each option's own name", "seed": "--seeds or --seed"}
"""Fields that are set in another way -> how"""


@dataclass(frozen=True)
class Setup:
    """All parts of a complete config."""

    model: ModelConfig
    train: TrainConfig
    task_options: Mapping[str, Any]
    """Options of the task that is trained on"""


class Fields:
    """The fields of one kind of model on one task, and what each may hold.

    A field's full name says its part: ``train.momentum``, ``model.dropout``, ``layer.dropout``, ``task.longest``. The
    part may be left out where only one has such a field. An option of a layer may have the layer's name before it,
    ``layer.lstm.forget_bias``; where a model has several kinds of layers it must.

    Args:
        name: of the kind of model.
        layer_options: option of its layer -> the type of its values.
        task_options: option of the task -> the type of its values.
    """

    def __init__(self, name: str, layer_options: Mapping[str, Any], task_options: Mapping[str, Any]) -> None:
        self.name = name
        self.known: dict[str, dict[str, Any]] = {
            "train": _types(TrainConfig),
            "model": _types(ModelConfig),
            "layer": dict(layer_options),
            "task": dict(task_options),
        }
        self._layers = set(layers_at(name))
        fields = chain.from_iterable(self.known.values())
        self._beginnings = {field.partition(".")[0] for field in fields} | self._layers

    def set(self, setup: Setup, name: str, value: Any) -> Setup:
        """The setup with one field set.

        Raises:
            UserError: if there is no such field (the nearest is suggested), several parts have one, or it cannot hold
                the value.
        """
        part, _, field = self.full_name(name).partition(".")
        value = fitting(name, value, self.known[part][field])
        if part == "train":
            return replace(setup, train=replace(setup.train, **{field: value}))
        if part == "model":
            return replace(setup, model=replace(setup.model, **{field: value}))
        if part == "layer":
            return replace(setup, model=setup.model.with_option(field, value))
        return replace(setup, task_options={**setup.task_options, field: value})

    def set_all(self, setup: Setup, values: Mapping[str, Any]) -> Setup:
        """The setup with several fields set, a layer inside before its options."""
        for name in sorted(values, key=lambda name: self.full_name(name).count(".")):
            setup = self.set(setup, name, values[name])
        return setup

    def get(self, setup: Setup, name: str) -> Any:
        """The value of a field in a complete setup."""
        part, _, field = self.full_name(name).partition(".")
        if part in ("train", "model"):
            return getattr(getattr(setup, part), field)
        return setup.model.option(field) if part == "layer" else setup.task_options[field]

    def has(self, name: str) -> bool:
        """Whether there is such a field, or there are several."""
        part, field = self._split(name)
        return any(field in known for of, known in self.known.items() if part in ("", of))

    def full_name(self, name: str) -> str:
        """``part.field`` of the field that ``name`` means.

        Raises:
            UserError: if there is no such field (the nearest is suggested) or several parts have one.
        """
        part, field = self._split(name)
        if field in OTHERWISE and part in ("", "train", "model"):
            raise UserError(f"field '{field}' is not set this way; use {OTHERWISE[field]}")
        if part and part not in self.known:
            raise unknown("part of a config", part, self.known)
        found = [f"{of}.{field}" for of, known in self.known.items() if field in known and part in ("", of)]
        if len(found) > 1:
            raise UserError(f"'{field}' could be {' or '.join(found)} of {self.name}; write one of them")
        if not found:
            choices = self.known[part] if part else {known for fields in self.known.values() for known in fields}
            raise unknown(f"{part} field of {self.name}" if part else f"field of {self.name}", field, choices)
        return found[0]

    def _split(self, name: str) -> tuple[str, str]:
        """Part and field; no part where ``name`` begins as a field does, maybe one of a layer inside."""
        part, dot, field = name.partition(".")
        if not dot or (part not in self.known and part in self._beginnings):
            part, field = "", name
        layer, named, option = field.partition(".")
        own = named and part in ("", "layer") and {layer} == self._layers and option in self.known["layer"]
        return ("layer", option) if own else (part, field)


def fields_said(
    name: str,
    values: Mapping[str, Any],
    pattern_of: Callable[[str, Mapping[str, Any]], Pattern],
    *,
    task_options: Mapping[str, Any],
) -> Fields:
    """The fields of a kind of model with the layers inside it that ``values`` say, however deep.

    Args:
        name: of the kind of model.
        values: name of a field -> its value.
        pattern_of: gives a kind of model by name and the options that are decided.
        task_options: option of the task -> the type of its values.
    """
    said = Setup(ModelConfig(layer=name), TrainConfig(), {})
    while True:
        kind = pattern_of(name, said.model.options)
        fields = Fields(name, kind.option_types, task_options)
        deeper = said
        for field, value in values.items():
            option = fields.full_name(field).removeprefix("layer.") if fields.has(field) else ""
            if option in kind.layer_options:
                deeper = fields.set(deeper, field, value)
        if deeper == said:
            return fields
        said = deeper


def _types(config: type) -> dict[str, Any]:
    """Fields that may be set -> their types."""
    return {name: kind for name, kind in option_types(config).items() if name not in OTHERWISE}
