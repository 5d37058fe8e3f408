"""The next rows of a series, from a run and the file as it is now."""

from dataclasses import dataclass
from pathlib import Path

import torch

from statewise.data.scaling import Changes, Scaler
from statewise.data.table import Reading, read_table
from statewise.errors import UserError
from statewise.runs.folder import LoadedRun

ROWS_AT_ONCE = 512


@dataclass(frozen=True)
class NextRows:
    """What is forecast."""

    times: list[str]
    """When the rows come, in ISO form; their numbers from 1 where the table has no time column"""
    values: dict[str, list[float]]
    """Target -> its values in its own units, one a row"""


def forecast_next(run: LoadedRun, source: str = "") -> NextRows:
    """The rows after the last one of a table.

    Args:
        run: a run that was trained to forecast.
        source: path of a table with the columns of the training; empty = the table of the training.

    Raises:
        UserError: if the run is no forecast, or the table has other columns.
    """
    known = run.preprocessing
    if "changes" not in known:
        raise UserError(f"this run, on {run.config.task}, holds no scaling to forecast with; use one on a table")
    path = source or known["source"]
    table = read_table(path, Reading(**known["reading"]))
    missing = [name for name in known["columns"] if name not in table.columns]
    if missing:
        raise UserError(
            f"{Path(path).name} has no column of numbers '{missing[0]}', which the run was trained on; it has "
            f"{', '.join(table.columns)}"
        )
    changes = Changes.from_json(known["changes"])
    values = table.values[:, [table.columns.index(name) for name in known["columns"]]]
    inputs = torch.from_numpy(Scaler.from_json(known["scaler"]).apply(values)).to(torch.get_default_dtype())
    state = None
    with torch.inference_mode():
        for rows in inputs.split(ROWS_AT_ONCE):
            outputs, state = run.model(rows.unsqueeze(0), state)
    forecast = changes.in_units(outputs[0, -1].double().numpy(), values[-1, known["targets"]])
    times = table.times.following(changes.horizon) if table.times else [f"{k}" for k in range(1, changes.horizon + 1)]
    names = [known["columns"][place] for place in known["targets"]]
    return NextRows(times, {name: forecast[:, place].tolist() for place, name in enumerate(names)})
