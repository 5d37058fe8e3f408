"""The next rows of a series, from a run and the file as it is now."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from statewise.contract import Model
from statewise.data.scaling import Changes, Scaler
from statewise.data.table import Reading, Table, read_table
from statewise.errors import UserError
from statewise.runs.folder import LoadedRun
from statewise.runs.intervals import Intervals
from statewise.tasks.resolve import make_task
from statewise.train.evaluation import answers
from statewise.train.monte_carlo import sample_outputs

ROWS_AT_ONCE = 512
FEWEST_SHOWN = 30
"""Rows of the table that are told beside a forecast at least, where there are as many"""
MOST_ERRORS = 1000
"""Errors on validation rows that intervals are made of"""


@dataclass(frozen=True)
class NextRows:
    """What is forecast."""

    times: list[str]
    """When the rows come, in ISO form; their numbers from 1 where the table has no time column"""
    values: dict[str, list[float]]
    """Target -> its values in its own units, one a row; with intervals the mean of what thinned models say"""
    lower: dict[str, list[float]] = field(default_factory=dict)
    """Target -> where its intervals begin; empty where none were asked for"""
    upper: dict[str, list[float]] = field(default_factory=dict)
    """Target -> where they end"""
    before: dict[str, list[float]] = field(default_factory=dict)
    """Target -> its last values in the table, oldest first"""
    intervals: Intervals | None = None
    """How they were found"""


def forecast_next(run: LoadedRun, source: str = "", intervals: Intervals | None = None) -> NextRows:
    """The rows after the last one of a table.

    An interval holds the share ``level`` of all sums y_s + e: what a thinned model s says (``train.monte_carlo``), and
    an error e that the model made on the validation rows, as many rows ahead. So it covers both how unsure the model is
    of its weights and the noise of the data, as far as that stays what it was; it is rather too wide, as errors on
    validation are not noise alone. It is one row's and one target's, and knows nothing of what never happened before.

    Args:
        run: a run that was trained to forecast.
        source: path of a table with the columns of the training; empty = the table of the training.
        intervals: how many models are asked, and how wide intervals are; ``None`` = the model as it is, without any.

    Raises:
        UserError: if the run is no forecast, the table has other columns, or intervals are asked of a model without
            dropout, or after the table of the training has changed.
    """
    table = _read(run, source)
    known = run.preprocessing
    changes = Changes.from_json(known["changes"])
    values = table.values[:, [table.columns.index(name) for name in known["columns"]]]
    inputs = torch.from_numpy(Scaler.from_json(known["scaler"]).apply(values)).to(torch.get_default_dtype())

    def by_target(outputs: Any) -> dict[str, list[float]]:
        rows = changes.in_units(np.asarray(outputs, dtype=float), values[-1, known["targets"]])
        return {known["columns"][place]: rows[:, column].tolist() for column, place in enumerate(known["targets"])}

    shown = values[-max(FEWEST_SHOWN, 3 * changes.horizon) :, known["targets"]]
    before = {known["columns"][place]: shown[:, column].tolist() for column, place in enumerate(known["targets"])}
    times = table.times.following(changes.horizon) if table.times else [f"{k}" for k in range(1, changes.horizon + 1)]
    if intervals is None:
        return NextRows(times, by_target(_last_output(run.model, inputs)), before=before)
    x = inputs.unsqueeze(0)
    samples = sample_outputs(run.model, x, samples=intervals.samples, seed=intervals.seed, last=1)[:, 0, 0]
    lower, upper = _around(samples, validation_errors(run), intervals.level)
    return NextRows(times, by_target(samples.mean(dim=0)), by_target(lower), by_target(upper), before, intervals)


def _read(run: LoadedRun, source: str) -> Table:
    """The table to go on from, with all the columns that the run was trained on."""
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
    return table


def validation_errors(run: LoadedRun) -> Tensor:
    """``(J, horizon * K)``: target less output on rows of the validation part, as the outputs are scaled.

    At most ``MOST_ERRORS`` rows, evenly spaced.

    Raises:
        UserError: if the data of the training are not what they were.
    """
    task = make_task(run.config.task, run.config.task_options)
    if task.fingerprint() != run.preprocessing["data"]:
        raise UserError(
            "the data of the run are not what they were when it was trained, and intervals need the errors on their "
            "validation part; put them back, or leave intervals out"
        )
    answered = answers(run.model, task, "valid", batch_size=run.config.train.batch_size)
    errors = torch.cat([(batch.targets - outputs)[batch.weights > 0] for outputs, batch in answered])
    return errors[:: max(1, -(-len(errors) // MOST_ERRORS))]


def _last_output(model: Model, inputs: Tensor) -> Tensor:
    """What the model says at the last row of ``inputs (T, D)``."""
    state = None
    with torch.inference_mode():
        for rows in inputs.split(ROWS_AT_ONCE):
            outputs, state = model(rows.unsqueeze(0), state)
    return outputs[0, -1]


def _around(samples: Tensor, errors: Tensor, level: float) -> np.ndarray:
    """``(2, horizon * K)``: between what a share ``level`` of all sums of a sample and an error lies."""
    sums = (samples.unsqueeze(1) + errors.unsqueeze(0)).flatten(0, 1).double().numpy()
    return np.quantile(sums, [(1 - level) / 2, (1 + level) / 2], axis=0)
