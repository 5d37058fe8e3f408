"""What a comparison needs to be handed: how to make tasks and models, and what is known of each kind of model."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from statewise.contract import InputForm, Knob, Model
from statewise.models.config import ModelConfig
from statewise.tasks.base import Task


@dataclass(frozen=True)
class Kind:
    """What is known of one kind of model."""

    family: str
    paper: str
    knobs: tuple[Knob, ...]
    width_multiple: Callable[[Mapping[str, Any]], int]
    """The layer's options -> what its width must be a multiple of"""
    closed_form: bool
    state_knob: str | None
    """Option that says how much the state holds, beside the width: window, slots, S"""
    options: Mapping[str, Any]
    """Options that a person may set -> the type of their values"""


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
    describe: Callable[[str], Kind]
    default_config: DefaultConfig
