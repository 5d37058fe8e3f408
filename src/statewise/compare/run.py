"""The one call that runs a comparison and leaves its folder behind."""

from pathlib import Path
from typing import Any

from statewise.compare.config import CompareConfig
from statewise.compare.experiment import Watch, run_experiment
from statewise.compare.folder import open_folder, write_result
from statewise.compare.pool import refuse_unguarded
from statewise.compare.summary import summarise
from statewise.compare.workbench import Workbench


def run_comparison(
    config: CompareConfig, bench: Workbench, folder: Path, *, command: str, watch: Watch = lambda event: None
) -> dict[str, Any]:
    """Run (or go on with) a comparison in ``folder`` and return its result, which also stands there.

    ``config.json``, ``environment.json``, ``result.json``, ``results.csv`` (one line an arm and seed), ``README.md``
    and ``trials/`` are written. Started again on the same task, finished trials are not repeated, so seeds, trials and
    models can be added.

    Raises:
        UserError: if the config will not do, or the folder cannot be written or holds something else.
    """
    refuse_unguarded()
    open_folder(folder, config)
    task, records = run_experiment(config, bench, folder, watch)
    result = summarise(config, bench, task, records, command)
    write_result(folder, result)
    return result
