"""What a comparison needs to be handed: how to make tasks and models, and what is known of each kind of model."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from statewise.contract import InputForm, Model
from statewise.models.config import ModelConfig
from statewise.models.pattern import Pattern
from statewise.tasks.task import Task


class DefaultConfig(Protocol):
    """The field's config for a kind of model."""

    def __call__(
        self, name: str, *, depth: int, context_length: int | None, options: Mapping[str, Any]
    ) -> ModelConfig: ...


class Builders(NamedTuple):
    """Builders, passed in so that a comparison names no layer. All are module-level functions: workers import them."""

    make_task: Callable[[str, Mapping[str, Any]], Task]
    task_options: Callable[[str, Mapping[str, Any]], dict[str, Any]]
    """A task's name and some of its options -> all of them"""
    make_model: Callable[[ModelConfig, InputForm, int], Model]
    pattern_of: Callable[[str, Mapping[str, Any]], Pattern]
    """A kind of model by name and the options that are decided"""
    default_config: DefaultConfig
