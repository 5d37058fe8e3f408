"""The next rows of a series, from a run and the file as it is now."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from statewise import tree
from statewise.contract import Input, Model, slice_time, values_of
from statewise.data.pace import Pace
from statewise.data.scaling import Changes, Scaler
from statewise.data.table import Reading, Table, read_table
from statewise.errors import UserError
from statewise.runs.folder import LoadedRun
from statewise.runs.intervals import Intervals
from statewise.runs.predictive import interval_of_sums, validation_errors
from statewise.runs.rows_ahead import USUALLY, When, about_rows, check_times, find_rows
from statewise.train.monte_carlo import sample_outputs

ROWS_AT_ONCE = 512
FEWEST_SHOWN = 30
"""Rows of the table that are told beside a forecast at least, where there are as many"""


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
    ahead: list[float] = field(default_factory=list)
    """How long after the last row of the table the rows come, in ``unit``"""
    ago: list[float] = field(default_factory=list)
    """How long before it those of ``before`` came, at most 0"""
    unit: str = "rows"
    """``seconds``, ``rows`` where the table has no time column, or what the column of numbers is called"""
    notes: list[str] = field(default_factory=list)
    """What a person should know of the times"""
    intervals: Intervals | None = None
    """How they were found"""


def forecast_next(
    run: LoadedRun, source: str = "", intervals: Intervals | None = None, when: When = USUALLY
) -> NextRows:
    """The rows after the last one of a table.

    An interval holds the share ``level`` of all sums y_s + e: what a thinned model s says (``train.monte_carlo``), and
    an error e that the model made on the validation rows, as many rows ahead. So it covers both how unsure the model is
    of its weights and the noise of the data, as far as that stays what it was; it is rather too wide, as errors on
    validation are not noise alone. It is one row's and one target's, and knows nothing of what never happened before.
    Where rows come at irregular times its errors are those of rows as far ahead as rows of the validation part are.

    Args:
        run: a run that was trained to forecast.
        source: path of a table with the columns of the training; empty = the table of the training.
        intervals: how many models are asked, and how wide intervals are; ``None`` = the model as it is, without any.
        when: the rows come, of a run that is told times.

    Raises:
        UserError: if the run is no forecast, the table has other columns or other times, times are said to a run that
            is not told any, or intervals are asked of a model without dropout, or after the table of the training has
            changed.
    """
    table = _read(run, source)
    known = run.preprocessing
    changes, pace = Changes.from_json(known["changes"]), Pace.from_json(known["pace"])
    check_times(table, pace, known["times"])
    rows = find_rows(table, pace, when)
    values = table.values[:, [table.columns.index(name) for name in known["columns"]]]
    told = pace.tell(Scaler.from_json(known["scaler"]).apply(values), np.concatenate([table.at, rows.at]))
    inputs = tree.map(lambda leaf: leaf.unsqueeze(0), told)

    def by_target(outputs: Any) -> dict[str, list[float]]:
        said = changes.in_units(np.asarray(outputs, dtype=float), values[-1, known["targets"]])
        return {known["columns"][place]: said[:, column].tolist() for column, place in enumerate(known["targets"])}

    shown = values[-max(FEWEST_SHOWN, 3 * changes.horizon) :, known["targets"]]
    found = NextRows(
        rows.names,
        {},
        before={known["columns"][place]: shown[:, column].tolist() for column, place in enumerate(known["targets"])},
        ahead=(rows.at - table.at[-1]).tolist(),
        ago=(table.at[-len(shown) :] - table.at[-1]).tolist(),
        unit="rows" if table.times is None else "seconds" if table.times.in_seconds else table.times.column,
        notes=about_rows(table, pace, rows, when),
    )
    if intervals is None:
        return replace(found, values=by_target(_last_output(run.model, inputs)))
    samples = sample_outputs(run.model, inputs, samples=intervals.samples, seed=intervals.seed, last=1)[:, 0, 0]
    lower, upper = (by_target(edge) for edge in interval_of_sums(samples, validation_errors(run), intervals.level))
    return replace(found, values=by_target(samples.mean(dim=0)), lower=lower, upper=upper, intervals=intervals)


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


def _last_output(model: Model, inputs: Input) -> Tensor:
    """What the model says at the last step of ``inputs (1, T, D)``."""
    state = None
    with torch.inference_mode():
        for start in range(0, values_of(inputs).shape[1], ROWS_AT_ONCE):
            outputs, state = model(slice_time(inputs, start, start + ROWS_AT_ONCE), state)
    return outputs[0, -1]
