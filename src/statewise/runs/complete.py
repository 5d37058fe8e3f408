"""A run's config with everything written down, so that a default that changes tomorrow does not change the run."""

import json
from dataclasses import asdict, replace
from typing import Any

from statewise.models.resolve import default_options, find_entry
from statewise.runs.config import RunConfig
from statewise.tasks.resolve import complete_options, name_task


def complete(config: RunConfig) -> RunConfig:
    """The config with its task named and every option of task and layer said, as their signatures have them today.

    Raises:
        UserError: if there is no such task, layer or option.

    >>> from statewise.models.config import ModelConfig
    >>> from statewise.train.config import TrainConfig
    >>> found = complete(RunConfig("parity", ModelConfig("lstm"), TrainConfig()))
    >>> found.task_options["longest"], found.model.options["forget_bias"]
    (40, 1.0)
    """
    task, named = name_task(config.task)
    options = complete_options(task, {**named, **config.task_options})
    layer = default_options(find_entry(config.model.layer), config.model.options)
    return replace(config, task=task, task_options=options, model=replace(config.model, options=layer))


def as_data(config: RunConfig) -> dict[str, Any]:
    """The config as plain data, such as its file holds."""
    return json.loads(json.dumps(asdict(config)))
