"""The one call that runs a comparison and leaves its folder behind."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from statewise.compare.builders import Builders
from statewise.compare.config import CompareConfig
from statewise.compare.experiment import Watch, run_experiment
from statewise.compare.folder import open_folder, write_result
from statewise.compare.pool import refuse_unguarded
from statewise.compare.summary import summarise


def complete(config: CompareConfig, builders: Builders) -> CompareConfig:
    """The config with everything said that it leaves to a default of the task."""
    return replace(config, task_options=builders.task_options(config.task, config.task_options))


def run_comparison(
    config: CompareConfig, builders: Builders, folder: Path, *, command: str, watch: Watch = lambda event: None
) -> dict[str, Any]:
    """Run (or go on with) a comparison in ``folder`` and return its result, which also stands there.

    ``config.json``, ``environment.json``, ``result.json``, ``results.csv`` (one line an arm and seed), ``README.md``
    and ``trials/`` are written. Started again on the same task, finished trials are not repeated, so seeds, trials and
    models can be added.

    Raises:
        UserError: if the config will not do, or the folder cannot be written or holds something else.
    """
    refuse_unguarded()
    config = complete(config, builders)
    open_folder(folder, config)
    task, records = run_experiment(config, builders, folder, watch)
    result = summarise(config, builders, task, records, command)
    write_result(folder, result)
    return result
