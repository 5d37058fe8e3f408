"""The next rows of one or several series, from a run and the file as it is now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from statewise import tree
from statewise.contract import Input, Model, slice_time, values_of
from statewise.data.pace import Pace
from statewise.data.scaling import Scale
from statewise.data.several import ONE_SERIES
from statewise.data.table import Reading, Series, Table, about_single, read_table
from statewise.errors import UserError, listed, unknown
from statewise.runs.folder import LoadedRun
from statewise.runs.intervals import Intervals
from statewise.runs.predictive import interval_of_sums, samples_asked
from statewise.runs.residuals import Residuals, validation_residuals
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
    """Target -> its values in its own units, one a row; of thinned models the mean of what they say"""
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
    """How they were found, ``samples`` always a number: 0 of split conformal prediction"""
    pooled: bool = False
    """Whether they are made of the errors of all series, there being too few of this one"""


def is_of_one_series(run: LoadedRun) -> bool:
    """Whether the tables that a run goes on from are one series; others have one or several, each with a name.

    Raises:
        UserError: if the run is no forecast.
    """
    return bool(_known(run)["reading"]["series"] == ONE_SERIES)


@dataclass(frozen=True)
class SeveralNextRows:
    """What is forecast of several series."""

    series: dict[str, NextRows]
    """Name of a series -> its next rows; in the order of the table"""
    notes: list[str] = field(default_factory=list)
    """What a person should know of series that are left out, or that the training did not know"""


def forecast_next(
    run: LoadedRun, source: str = "", intervals: Intervals | None = None, when: When = USUALLY, series: str = ""
) -> NextRows:
    """The rows after the last one of a table, or of one of its series.

    An interval is what the model says plus errors that it made on the validation rows, as many rows ahead, those that
    have the share ``level`` of all between them: split conformal prediction. It is one row's and one target's, equally
    wide wherever the series stands, and knows nothing of what never happened before.

    Of a model with dropout it holds that share of all sums y_s + e: what a thinned model s says
    (``train.monte_carlo``), and such an error e. So it covers how unsure the model is of its weights, too, and is wider
    where thinned models differ; it is rather too wide, as errors on validation are not noise alone.

    Where rows come at irregular times its errors are those of rows as far ahead as rows of the validation part are;
    where there are several series they are those of the same series, or, where it has too few of its own or the
    training did not know it, those of all, in units of what is usual in each (``NextRows.pooled``). Too few are fewer
    than 2 / (1 - level) - 1, counting a horizon as one: 19 horizons of validation rows for intervals that hold 90 %.

    Args:
        run: a run that was trained to forecast.
        source: path of a table with the columns of the training; empty = the table of the training.
        intervals: which of the two, and how much they hold; ``None`` = none.
        when: the rows come, of a run that is told times.
        series: which series goes on, of a run on several. One that the training did not know is brought to size by its
            own rows.

    Raises:
        UserError: if the run is no forecast, the table has other columns or other times, it has no such series or the
            series is too short, times are said to a run that is not told any, thinned models are asked for where the
            model has no dropout, or intervals after the table of the training has changed.
    """
    table = _read(run, source)
    names = [one.name for one in table.series]
    if series not in names:
        raise _not_there(table, series)
    asked = _asked(run, intervals)
    found = _next_rows(run, table, table.series[names.index(series)], asked, when)
    if found is None:
        raise UserError(f"series '{series}' is too short to go on from, and the training did not know it; add rows")
    return replace(found, notes=[*found.notes, *_about_intervals(asked, [series] if found.pooled else [])])


def forecast_each(
    run: LoadedRun, source: str = "", intervals: Intervals | None = None, when: When = USUALLY
) -> SeveralNextRows:
    """The rows after the last one of every series in a table; see ``forecast_next``.

    Series that cannot be forecast, being short and not of the training, are left out and named.

    Raises:
        UserError: as ``forecast_next`` does, and if none is left.
    """
    table = _read(run, source)
    asked = _asked(run, intervals)
    found = {one.name: _next_rows(run, table, one, asked, when) for one in table.series}
    short = [name for name, rows in found.items() if rows is None]
    if len(short) == len(found):
        names = listed(short)
        raise UserError(f"all series are too short to go on from, and unknown to the training: {names}; add rows")
    new = [name for name in found if name not in run.preprocessing["scales"] and name not in short]
    notes = [f"series the training did not know, brought to size by their own rows: {listed(new)}"] if new else []
    if short:
        notes.append(f"left out, for they are too short and the training did not know them: {listed(short)}")
    notes.extend(about_single(table))
    kept = {name: rows for name, rows in found.items() if rows is not None}
    notes.extend(_about_intervals(asked, [name for name, rows in kept.items() if rows.pooled]))
    return SeveralNextRows(kept, notes)


class _Asked(NamedTuple):
    """The intervals that are asked for, and the errors on validation that they are made of."""

    intervals: Intervals
    samples: int
    residuals: Residuals


def _about_intervals(asked: _Asked | None, pooled: Sequence[str]) -> list[str]:
    """What a person should know of intervals: which series have none of their own errors, and whether all are few."""
    notes = []
    if pooled:
        told = "intervals are made of the errors of all series where a series has too few of its own"
        notes.append(f"{told}: {listed(pooled)}")
    if asked is not None and not asked.residuals.enough(asked.intervals.level):
        notes.append(
            f"the validation part is too short for intervals that hold {100 * asked.intervals.level:g} %: they hold "
            "less; ask for a smaller share, or train with more rows to validate (--task-options valid=...)"
        )
    return notes


def _asked(run: LoadedRun, intervals: Intervals | None) -> _Asked | None:
    if intervals is None:
        return None
    samples = samples_asked(intervals, run.model)
    return _Asked(replace(intervals, samples=samples), samples, validation_residuals(run))


def _next_rows(run: LoadedRun, table: Table, series: Series, asked: _Asked | None, when: When) -> NextRows | None:
    """The rows after the last one of a series; ``None`` where it is short, and not of the training."""
    known = run.preprocessing
    pace = Pace.from_json(known["pace"])
    values = series.values[:, [table.columns.index(name) for name in known["columns"]]]
    scale = _scale(known, series.name, values, pace.horizon)
    if scale is None:
        return None
    check_times(series, pace, known["times"])
    rows = find_rows(series, pace, when)
    told = pace.tell(scale.scaler.apply(values), np.concatenate([series.at, rows.at]))
    inputs = tree.map(lambda leaf: leaf.unsqueeze(0), told)
    names = [known["columns"][place] for place in known["targets"]]

    def by_target(outputs: Any) -> dict[str, list[float]]:
        said = scale.changes.in_units(np.asarray(outputs, dtype=float), values[-1, known["targets"]])
        return {name: said[:, column].tolist() for column, name in enumerate(names)}

    shown = values[-max(FEWEST_SHOWN, 3 * pace.horizon) :, known["targets"]]
    found = NextRows(
        rows.names,
        {},
        before={name: shown[:, column].tolist() for column, name in enumerate(names)},
        ahead=(rows.at - series.at[-1]).tolist(),
        ago=(series.at[-len(shown) :] - series.at[-1]).tolist(),
        unit="rows" if series.times is None else "seconds" if series.times.in_seconds else series.times.column,
        notes=about_rows(series, pace, rows, when),
    )
    said = _last_outputs(run.model, inputs, asked)
    found = replace(found, values=by_target(said.mean(dim=0)))
    if asked is None:
        return found
    level, residuals = asked.intervals.level, asked.residuals
    lower, upper = (by_target(edge) for edge in interval_of_sums(said, residuals.of(series.name, level), level))
    pooled = not residuals.own(series.name, level)
    return replace(found, lower=lower, upper=upper, intervals=asked.intervals, pooled=pooled)


def _scale(known: Mapping[str, Any], name: str, values: np.ndarray, horizon: int) -> Scale | None:
    """The scale of a series in the training; of another its own, where it is longer than the horizon."""
    if name in known["scales"]:
        return Scale.from_json(known["scales"][name])
    return Scale.fit(values, known["targets"], horizon) if len(values) > horizon else None


def _not_there(table: Table, series: str) -> UserError:
    names = [one.name for one in table.series]
    if not table.by:
        return UserError(f"this run is of a table that is one series; leave series '{series}' out")
    if series:
        return unknown("series", series, names)
    return UserError(f"the table holds {len(names)} series; name one of them: {listed(names)}")


def _known(run: LoadedRun) -> Mapping[str, Any]:
    if "scales" not in run.preprocessing:
        raise UserError(f"this run, on {run.config.task}, holds no scaling to forecast with; use one on a table")
    return run.preprocessing


def _read(run: LoadedRun, source: str) -> Table:
    """The table to go on from, with all the columns that the run was trained on."""
    known = _known(run)
    path = source or known["source"]
    table = read_table(path, Reading(**known["reading"]))
    missing = [name for name in known["columns"] if name not in table.columns]
    if missing:
        raise UserError(
            f"{Path(path).name} has no column of numbers '{missing[0]}', which the run was trained on; it has "
            f"{', '.join(table.columns)}"
        )
    return table


def _last_outputs(model: Model, inputs: Input, asked: _Asked | None) -> Tensor:
    """What thinned models say at the last step of ``inputs (1, T, D)``, or the model as it is, once: ``(S, K)``."""
    if asked is not None and asked.samples:
        return sample_outputs(model, inputs, samples=asked.samples, seed=asked.intervals.seed, last=1)[:, 0, 0]
    state = None
    with torch.inference_mode():
        for start in range(0, values_of(inputs).shape[1], ROWS_AT_ONCE):
            outputs, state = model(slice_time(inputs, start, start + ROWS_AT_ONCE), state)
    return outputs[:, -1]
