"""The one call that runs a comparison and leaves its folder behind."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from statewise.compare.arms import make_arms
from statewise.compare.builders import Builders
from statewise.compare.config import CompareConfig
from statewise.compare.experiment import OnEvent, run_experiment
from statewise.compare.folder import open_comparison, when_said, write_result
from statewise.compare.hypotheses import check_labels, check_margin, read_hypothesis
from statewise.compare.pool import refuse_unguarded
from statewise.compare.summary import summarise
from statewise.tasks.task import Task
from statewise.train.device import check_device


def complete_comparison(config: CompareConfig, builders: Builders) -> tuple[CompareConfig, Task]:
    """The config with everything said that it leaves to the task, and the task."""
    options = builders.task_options(config.task, config.task_options)
    task = builders.make_task(config.task, options)
    margin = task.margin if config.margin is None else config.margin
    return replace(config, task_options=options, margin=margin), task


def run_comparison(
    config: CompareConfig,
    builders: Builders,
    folder: Path,
    *,
    command: str,
    on_begin: Callable[[Task], None] = lambda task: None,
    on_event: OnEvent = lambda event: None,
) -> dict[str, Any]:
    """Run (or go on with) a comparison in ``folder`` and return its result, which also stands there.

    ``config.json``, ``environment.json``, ``result.json``, ``results.csv`` (one line an arm and seed), ``README.md``
    and ``trials/`` are written. Started again on the same task, finished trials are not repeated, so seeds, trials and
    models can be added. ``on_begin`` is told the task, once it is sure that nothing stands against the comparison.

    Raises:
        UserError: if the config will not do, or the folder cannot be written or holds something else.
    """
    refuse_unguarded()
    config, task = complete_comparison(config, builders)
    hypotheses = [read_hypothesis(statement) for statement in config.hypotheses]
    arms = make_arms(config, task, builders)
    check_labels(hypotheses, [arm.label for arm in arms])
    assert config.margin is not None, "complete_comparison says one"
    check_margin(hypotheses, config.margin)
    check_device(config.train)
    open_comparison(folder, config)
    said = when_said(folder, hypotheses)
    on_begin(task)
    records = run_experiment(config, task, arms, builders, folder, on_event)
    result = summarise(config, builders, task, records, said, command).plain()
    write_result(folder, result)
    return result
