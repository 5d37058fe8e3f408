"""The complete description of a training run; the same serves training and use."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from statewise.models.config import ModelConfig
from statewise.train.config import TrainConfig


@dataclass(frozen=True)
class RunConfig:
    """Task, model and training."""

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    task: str
    """A task's name or the import path of one's own"""
    model: ModelConfig
    train: TrainConfig
    task_options: dict[str, Any] = field(default_factory=dict)
