"""Forecasting on any CSV: the next values of one or many targets, from all columns so far."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from statewise import tree
from statewise.contract import Vectors, values_of
from statewise.data.dialect import Decimal
from statewise.data.pace import Pace, TimeAs
from statewise.data.scaling import Changes, Scaler
from statewise.data.streams import Window, training_window
from statewise.data.table import Reading, Table, read_table
from statewise.data.times import DateOrder
from statewise.errors import UserError, counted
from statewise.metrics.scores import seasonal_naive_error
from statewise.options import check_at_least
from statewise.tasks.answers import Regression
from statewise.tasks.batch import Batch, Split
from statewise.tasks.columns import choose_columns
from statewise.tasks.scores import Metric, Scores, add_scores
from statewise.tasks.task import Task

SHOWN = 12
"""Values of an example that a person is shown"""
WARM_UP = 1024
"""Rows before each stretch that is scored; models run over them first, so that they come to it warm"""
SCORED_AT_ONCE = 512
"""Rows a scoring batch"""


class Forecast(Regression, Task):
    """At every row, forecast the next ``horizon`` rows of the targets (all steps of the horizon at once).

    Inputs ``(B, T, columns)`` are standardised by the training rows; outputs and targets ``(B, T, horizon * K)`` are
    changes from the row's own values in units of what is usual in the training rows, so that saying 0 is to forecast
    the last value. A row counts where its whole horizon lies in its split; models are run over rows before it first, so
    that they come to it warm. Scores are in the targets' own units; MASE is the mean absolute error over that of the
    seasonal naive forecast one step ahead on the training rows (Hyndman & Koehler 2006), averaged over the targets.
    Nobody knows chance or an oracle; the last value and the seasonal naive forecast are scored beside every model.

    Where rows come at irregular times, models are told the time since the row before and until each row that is
    forecast (``statewise.data.pace``), so that what is asked is the value at that time. Columns of numbers tell it to
    every model alike; layers that read time have it as their clock as well. Scores are of the times at which rows did
    come: where a row comes because something happened, its time gives some of it away.

    Args:
        source: path of a CSV file with a header.
        target: names of the columns to forecast, separated by commas; empty = the last column that varies.
        columns: names of the columns that are looked at beside the targets, separated by commas; empty = all.
        horizon: rows ahead.
        time: name of the time column; empty = guessed, ``none`` = rows are taken as evenly spaced.
        time_as: how models are told it: ``steps`` = not at all, ``column`` = as columns of numbers, ``elapsed`` = as
            these and, layers that read time, as their clock; empty = steps where rows are evenly spaced, else elapsed.
        decimal: mark of decimals; empty = guessed.
        dates: which comes first in dates like 03/04/2024; empty = guessed.
        season: rows a season; 0 = guessed from the time column.
        chunk: time steps a training batch, which is how far gradients reach back.
        train: training rows, as a fraction, or as a number if above 1.
        valid: validation rows, likewise; the rest tests, up to ``rows``.
        rows: how many rows of the file are used; 0 = all.

    Raises:
        UserError: if the table cannot be read, a target is unknown or constant, the splits are too short, or times
            are to be told that it does not have.
    """

    name = "forecast"
    description = "Forecast the next rows of a series"
    verb = "forecast"
    files = ("source",)
    primary = Metric("mase", "errors of the seasonal naive forecast", lower_is_better=True)
    margin = 0.01

    def __init__(
        self,
        *,
        source: str,
        target: str = "",
        columns: str = "",
        horizon: int = 1,
        time: str = "",
        time_as: Literal["", TimeAs] = "",
        decimal: Decimal = "",
        dates: DateOrder = "",
        season: int = 0,
        chunk: int = 64,
        train: float = 0.7,
        valid: float = 0.15,
        rows: int = 0,
    ) -> None:
        check_at_least("horizon", horizon, 1)
        check_at_least("chunk", chunk, 1)
        check_at_least("season", season, 0)
        check_at_least("rows", rows, 0)
        self.source = source
        self.reading = Reading(time, decimal, dates)
        self.chunk = chunk
        self.horizon = horizon
        table = read_table(source, self.reading)
        self.content = table.content
        self.bounds = _cut_rows(min(rows or len(table.values), len(table.values)), train, valid)
        _check_splits(self.bounds, horizon, source)
        chosen = choose_columns(table, targets=target, beside=columns, train=self.bounds["train"][1])
        self._notes = [*table.notes, *chosen.notes]
        self.columns = [table.columns[place] for place in chosen.looked_at]
        self.targets = [chosen.looked_at.index(place) for place in chosen.targets]
        self.values = table.values[: self.bounds["test"][1], chosen.looked_at]
        self.times = table.at[: len(self.values)]
        self.time_facts = _time_facts(table)
        self._fit(season or table.season, _chosen_time(table, time_as, self._notes))
        self._notes.append(_about_rows(self.bounds, horizon))
        self.input_form = Vectors(len(self.columns) + self.pace.width)
        self.output_size = horizon * len(self.targets)

    def _fit(self, season: int, time_as: TimeAs) -> None:
        """What the training rows alone say: sizes of columns, changes and steps, and how far one season carries."""
        end = self.bounds["train"][1]
        seen = self.values[:end]
        self.season = _checked_season(season, len(seen), self._notes)
        self.scaler = Scaler.fit(seen)
        self.pace = Pace.fit(self.times[:end], self.horizon, time_as)
        if time_as != "steps" and not self.pace.width:
            self._notes.append("the training part is evenly spaced: models can learn nothing of time from it")
        self.inputs = self.pace.tell(self.scaler.apply(self.values), self.times)
        self.changes = Changes.fit(seen[:, self.targets], self.horizon)
        self.naive_error = _naive_error(seen[:, self.targets], self.season)

    @property
    def notes(self) -> Sequence[str]:
        return self._notes

    def train_batch(self, index: int, *, batch_size: int, seed: int) -> Batch:
        total = self.bounds["train"][1] - self.horizon
        rows = max(1, min(batch_size, total // self.chunk))
        window = training_window(index, total=total, rows=rows, length=min(self.chunk, total), seed=seed)
        return self._batch(window, torch.ones(window.places.shape, dtype=torch.bool))

    def evaluation(self, split: Split, *, batch_size: int, length: int | None = None) -> Iterator[Batch]:
        if length is not None:
            raise UserError("a forecast is scored over its whole split; it has no lengths")
        start, end = self.bounds[split]
        total = end - self.horizon - start
        rows = max(1, min(batch_size, total // WARM_UP))
        share, warm = -(-total // rows), min(WARM_UP, start)
        first = start + share * torch.arange(rows).unsqueeze(1)
        for steps in torch.arange(-warm, share).split(SCORED_AT_ONCE):
            places = first + steps
            begins = torch.full((rows,), bool(steps[0] == -warm))
            window = Window(places.clamp(max=len(self.values) - 1), begins)
            yield self._batch(window, (steps >= 0) & (places < start + total))

    def scores(self, outputs: Tensor, batch: Batch) -> Scores:
        positions = float(batch.weights.sum())
        errors = (outputs - batch.targets).unflatten(2, (self.horizon, -1)).double()
        errors = errors * torch.from_numpy(self.changes.scale)
        weights = batch.weights[..., None, None]
        absolute = (errors.abs() * weights).sum(dim=(0, 1)).mean(dim=0)
        squared = (errors.square() * weights).sum(dim=(0, 1)).mean(dim=0)
        sums = {
            "mase": float((absolute / torch.from_numpy(self.naive_error)).mean()),
            "mae": float(absolute.mean()),
            "mse": float(squared.mean()),
            "loss": float(self.loss(outputs, batch)),
        }
        return Scores(sums, dict.fromkeys(sums, positions))

    def longest_context(self) -> int:
        return self.chunk

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        steps = np.arange(self.horizon)
        found = {"last value": self._score_lags(np.zeros_like(steps))}
        if self.season > 1:
            found[f"seasonal naive (season {self.season})"] = self._score_lags(self.season - 1 - steps % self.season)
        return found

    def example(self, outputs: Tensor, batch: Batch) -> tuple[str, str, str] | None:
        """The last forecast of the first target; of short horizons, the first steps of the last few forecasts."""
        counted = batch.weights[0].nonzero()[:, 0]
        if len(counted) == 0:
            return None
        column = self.targets[0]
        rows = counted[-1:] if self.horizon >= SHOWN else counted[-SHOWN:]
        what = f"the {self.horizon} rows after" if self.horizon >= SHOWN else "the row after each of"
        shown = SHOWN if self.horizon >= SHOWN else 1
        values = batch.values[0, :, : len(self.columns)].double().numpy()
        scaled = values * self.scaler.deviation + self.scaler.mean
        now = scaled[rows.numpy()][:, self.targets]
        target, said = (
            self.changes.in_units(part[0, rows].double().numpy(), now)[:, :shown, 0].flatten()
            for part in (batch.targets, outputs.detach())
        )
        seen = scaled[max(0, int(counted[-1]) + 1 - SHOWN) : int(counted[-1]) + 1, column]
        return f"{self.columns[column]}, {what}: {_written(seen)}", _written(target), _written(said)

    def preprocessing(self) -> Mapping[str, Any]:
        return {
            "source": self.source,
            "reading": asdict(self.reading),
            "columns": self.columns,
            "targets": self.targets,
            "scaler": self.scaler.to_json(),
            "changes": self.changes.to_json(),
            "pace": self.pace.to_json(),
            "times": self.time_facts,
        }

    def fingerprint(self) -> str:
        return self.content

    def _batch(self, window: Window, counted: Tensor) -> Batch:
        changes = self.changes.of(self.values[:, self.targets], window.places.numpy())
        inputs = tree.map(lambda leaf: leaf[window.places], self.inputs)
        targets, weights = torch.from_numpy(changes), counted
        dtype = values_of(inputs).dtype
        return Batch(inputs, targets.to(dtype), weights.to(dtype), starts=window.begins)

    def _score_lags(self, lags: np.ndarray) -> dict[str, float]:
        """Test scores of forecasting every step of the horizon by the value that stood ``lags`` rows before now."""
        start, end = self.bounds["test"]
        series = self.values[:, self.targets]
        parts = []
        for now in np.split(np.arange(start, end - self.horizon), range(SCORED_AT_ONCE, end - start, SCORED_AT_ONCE)):
            said = (series[now[:, None] - lags] - series[now][:, None]) / self.changes.scale
            targets = torch.from_numpy(self.changes.of(series, now)).unsqueeze(0)
            batch = Batch(targets, targets, torch.ones(1, len(now), dtype=targets.dtype))
            parts.append(self.scores(torch.from_numpy(said.reshape(targets.shape)), batch))
        return add_scores(parts)


def _cut_rows(length: int, train: float, valid: float) -> dict[str, tuple[int, int]]:
    """First row of each split and the one after its last; sizes up to 1 are fractions."""
    first = round(train if train > 1 else train * length)
    second = first + round(valid if valid > 1 else valid * length)
    return {"train": (0, first), "valid": (first, second), "test": (second, length)}


def _chosen_time(table: Table, said: Literal["", TimeAs], notes: list[str]) -> TimeAs:
    """How models are told the times of a table: as a person says, else by whether its rows are evenly spaced."""
    if table.times is None and said in ("column", "elapsed"):
        raise UserError(
            f"there are no times to tell as time_as={said}; name their column with --task-options time=NAME"
        )
    if said or table.times is None or table.times.even:
        return said or "steps"
    notes.append(
        "models are told the time since the row before and until each row that is forecast, layers that read time by "
        "their clock too (--task-options time_as=column to leave their clock even, time_as=steps to tell nothing)"
    )
    return "elapsed"


def _time_facts(table: Table) -> dict[str, bool] | None:
    """What other tables must have for a run to go on from them."""
    return None if table.times is None else {"in_seconds": table.times.in_seconds, "even": table.times.even}


def _about_rows(bounds: Mapping[str, tuple[int, int]], horizon: int) -> str:
    train, valid, test = (end - start for start, end in bounds.values())
    return (
        f"rows: {train} train, {valid} validate, {test} test (--task-options train=... valid=...); horizon: {horizon} "
        "(--task-options horizon=N)"
    )


def _check_splits(bounds: Mapping[str, tuple[int, int]], horizon: int, source: str) -> None:
    for name, (start, end) in bounds.items():
        if end - start <= horizon:
            raise UserError(
                f"the {name} part of {source} has {counted(max(0, end - start), 'row')}, too few for a "
                f"horizon of {horizon}; give a longer series, a shorter horizon or other split sizes"
            )


def _checked_season(season: int, rows: int, notes: list[str]) -> int:
    """The season, or 1 where the training part does not hold one."""
    if season < rows:
        return season
    notes.append(f"a season of {season} rows is longer than the training part: no season is assumed")
    return 1


def _naive_error(targets: np.ndarray, season: int) -> np.ndarray:
    """Mean absolute error of the seasonal naive forecast on the training rows, one a target."""
    error = seasonal_naive_error(torch.from_numpy(targets), season).numpy()
    return np.where(error > 0, error, 1.0)


def _written(values: np.ndarray) -> str:
    return " ".join(f"{value:.4g}" for value in values)
