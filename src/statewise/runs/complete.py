"""From the few words that a person says to a run's config with everything written down."""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from statewise.data.text import EMBEDDED
from statewise.models.config import ModelConfig
from statewise.models.resolve import default_config, pattern_of
from statewise.runs.config import RunConfig
from statewise.tasks.resolve import complete_options, find_task, make_task, name_task
from statewise.train.config import TrainConfig
from statewise.train.start import with_usual_readout


def default_run(
    data: str | Path,
    model: str = ModelConfig.layer,
    *,
    depth: int = ModelConfig.depth,
    task_options: Mapping[str, Any] | None = None,
    layer_options: Mapping[str, Any] | None = None,
) -> RunConfig:
    """The config that the field uses for this kind of model on this data: ``statewise train DATA --model MODEL``.

    Args:
        data: a task's name, the path of a text or CSV file, ``embedded``, or the import path of a task of your own.
        model: a name in the catalog, or the import path of a layer of your own.
        depth: blocks.
        task_options: of the task, where they are decided already.
        layer_options: of the layer, likewise.

    Raises:
        UserError: if there is no such data, task, option or model.

    >>> default_run("parity", "attention").model.options["context_length"]
    40
    """
    task, named = name_task(data)
    options = complete_options(task, {**named, **(task_options or {})})
    made = make_task(task, options)
    config = default_config(model, depth=depth, context_length=made.longest_context(), options=layer_options)
    train = with_usual_readout(TrainConfig(), made, closed_form=pattern_of(model, layer_options).closed_form)
    return RunConfig(task, config, train, options)


def complete_run(config: RunConfig) -> RunConfig:
    """The config with its task named and every option of task and layer said, as their signatures have them today.

    A default that changes tomorrow then does not change the run. Paths of files are absolute.

    Raises:
        UserError: if there is no such task, layer or option.

    >>> found = complete_run(RunConfig("parity", ModelConfig("lstm")))
    >>> found.task_options["longest"], found.model.options["forget_bias"]
    (40, 1.0)
    """
    task, named = name_task(config.task)
    options = _located(task, complete_options(task, {**named, **config.task_options}))
    layer = pattern_of(config.model.layer, config.model.options).options
    return replace(config, task=task, task_options=options, model=replace(config.model, options=layer))


def _located(task: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a task with the paths of its files absolute."""
    paths = {name: options[name] for name in find_task(task).files if options.get(name, EMBEDDED) != EMBEDDED}
    return {**options, **{name: str(Path(path).absolute()) for name, path in paths.items()}}


def as_data(config: RunConfig) -> dict[str, Any]:
    """The config as plain data, such as its file holds."""
    return json.loads(json.dumps(asdict(config)))
