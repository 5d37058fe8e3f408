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
    """A task's name, the path of a text or CSV file, ``embedded``, or the import path of a task of your own"""
    model: ModelConfig = field(default_factory=ModelConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    task_options: dict[str, Any] = field(default_factory=dict)
