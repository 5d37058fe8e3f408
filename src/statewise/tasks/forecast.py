"""Forecasting on any CSV: the next values of one or many targets of one or many series, from all columns so far."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from statewise import tree
from statewise.contract import Vectors, values_of
from statewise.data.dialect import Decimal
from statewise.data.pace import Pace, TimeAs, choose_time_as
from statewise.data.ring import (
    Streams,
    Stretch,
    most_streams,
    plan_streams,
    ring_window,
    scoring_batches,
    windows_around,
)
from statewise.data.scaling import Changes, Scale
from statewise.data.sentinels import about_sentinels
from statewise.data.several import ONE_SERIES
from statewise.data.streams import Window
from statewise.data.table import Reading, Table, read_table
from statewise.data.times import DateOrder
from statewise.errors import UserError, counted
from statewise.options import check_at_least
from statewise.tasks.answers import Regression
from statewise.tasks.batch import Batch, Split
from statewise.tasks.panel import Sizes, about_rows, checked_seasons, lay_out, naive_error
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

    Where a table holds several series, one model learns from all of them: each is cut in time, standardised and held
    against its own naive forecast by itself, and a row's state is emptied where another series begins. Together, every
    forecast counts alike, whichever series it is of.

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
        series: names of the columns that say of which series a row is, separated by commas; empty = guessed, ``none`` =
            all rows are of one.
        season: rows a season; 0 = guessed from the time column.
        chunk: most time steps of a training batch, which is how far gradients reach back.
        train: training rows of each series, as a fraction, or as a number if above 1.
        valid: validation rows, likewise; the rest tests, up to ``rows``.
        rows: how many rows of each series are used; 0 = all.

    Raises:
        UserError: if the table cannot be read, a target is unknown or constant, the splits of all series are too short,
            or times are to be told that it does not have.
    """

    name = "forecast"
    description = "Forecast the next rows of one or many series"
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
        series: str = "",
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
        self.chunk = chunk
        self.horizon = horizon
        table = read_table(source, Reading(time, decimal, dates, series))
        self.reading = Reading(time, decimal, dates, ",".join(table.by) or ONE_SERIES)
        self.content = table.content
        self._notes = [*table.notes]
        sizes = Sizes(train, valid, rows, horizon)
        self.panel, chosen = lay_out(table, sizes, source=source, target=target, columns=columns, notes=self._notes)
        self.columns = [table.columns[place] for place in chosen.looked_at]
        self._notes.extend(about_sentinels(self.columns, self.panel.values))
        self.targets = [chosen.looked_at.index(place) for place in chosen.targets]
        self.bounds, self.values = self.panel.bounds, self.panel.values
        self.asked = self.values[:, self.targets]
        self.series = self.panel.names if table.by else ()
        self.time_facts = _time_facts(table)
        self._fit(season or table.season, choose_time_as(table, time_as, self._notes))
        self._lay_streams()
        self._notes.append(about_rows(self.panel, horizon))
        self.input_form = Vectors(len(self.columns) + self.pace.width)
        self.output_size = horizon * len(self.targets)

    def _fit(self, season: int, time_as: TimeAs) -> None:
        """What the training rows alone say: sizes of columns, changes and steps, and how far one season carries."""
        seen = self.panel.part("train")
        self.seasons = checked_seasons(self.panel, season, self._notes)
        self.season = max(self.seasons)
        self.scales = [Scale.fit(rows, self.targets, self.horizon) for rows in seen]
        self.pace = Pace.fit(self.panel.train_times(), self.horizon, time_as)
        if time_as != "steps" and not self.pace.width:
            self._notes.append("the training part is evenly spaced: models can learn nothing of time from it")
        ends = np.cumsum([len(times) for times in self.panel.times])[:-1]
        each = zip(self.scales, np.split(self.values, ends), self.panel.times, strict=True)
        told = [self.pace.tell(scale.scaler.apply(rows), times) for scale, rows, times in each]
        self.inputs = tree.map(lambda *leaves: torch.cat(leaves), *told)
        self.units = np.stack([scale.changes.scale for scale in self.scales])
        errors = [naive_error(rows[:, self.targets], season) for rows, season in zip(seen, self.seasons, strict=True)]
        self.naive_error = np.stack(errors)

    def _lay_streams(self) -> None:
        """Where training goes: the rows of each series whose whole horizon is for training."""
        parts = torch.tensor(self.bounds["train"])
        self.firsts, self.lengths = parts[:, 0], parts[:, 1] - parts[:, 0] - self.horizon
        streams = self._streams(most_streams(self.lengths.tolist(), chunk=self.chunk))
        self._notes.append(
            f"training goes over {streams.length} rows at a time (--task-options chunk=N for others), with room for "
            f"{counted(streams.rows, 'stream')} side by side; a batch_size above that changes nothing"
        )

    @property
    def notes(self) -> Sequence[str]:
        return self._notes

    def train_batches(self, *, batch_size: int) -> int:
        streams = self._streams(batch_size)
        return windows_around(self.lengths.tolist(), rows=streams.rows, length=streams.length)

    def _streams(self, batch_size: int) -> Streams:
        return plan_streams(self.lengths.tolist(), batch_size=batch_size, chunk=self.chunk)

    def train_batch(self, index: int, *, batch_size: int, seed: int) -> Batch:
        streams = self._streams(batch_size)
        window = ring_window(index, firsts=self.firsts, lengths=self.lengths, streams=streams, seed=seed)
        return self._batch(window, torch.ones(window.places.shape, dtype=torch.bool))

    def evaluation(self, split: Split, *, batch_size: int, length: int | None = None) -> Iterator[Batch]:
        if length is not None:
            raise UserError("a forecast is scored over its whole split; it has no lengths")
        stretches = self._stretches(split, batch_size)
        for window, counts in scoring_batches(stretches, rows=batch_size, length=SCORED_AT_ONCE):
            yield self._batch(window, counts)

    def _stretches(self, split: Split, most: int) -> list[Stretch]:
        """Of each series what a split scores, in at most so many pieces, none of them short; and the rows before it."""
        found = []
        for (start, end), (begin, _) in zip(self.bounds[split], self.bounds["train"], strict=True):
            total = end - self.horizon - start
            share = -(-total // max(1, min(most, total // WARM_UP)))
            for scored in range(start, start + total, share):
                found.append(Stretch(max(begin, scored - WARM_UP), scored, min(scored + share, start + total)))
        return found

    def scores(self, outputs: Tensor, batch: Batch) -> Scores:
        series = torch.zeros(batch.weights.shape, dtype=torch.int64) if batch.series is None else batch.series
        units, naive = (torch.from_numpy(sizes)[series] for sizes in (self.units, self.naive_error))
        errors = (outputs - batch.targets).unflatten(2, (self.horizon, -1)).double() * units.unsqueeze(2)
        absolute, squared = errors.abs().mean(dim=2), errors.square().mean(dim=2)
        means = {"mase": absolute / naive, "mae": absolute, "mse": squared}
        sums = {name: float((mean.mean(dim=2) * batch.weights).sum()) for name, mean in means.items()}
        sums["loss"] = float(self.loss(outputs, batch))
        return Scores(sums, dict.fromkeys(sums, float(batch.weights.sum())))

    def longest_context(self) -> int:
        return self.chunk

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        return self._baselines(range(len(self.scales)))

    def baselines_of(self, series: str) -> Mapping[str, Mapping[str, float]]:
        return self._baselines([self.panel.names.index(series)])

    def _baselines(self, numbers: Sequence[int]) -> dict[str, dict[str, float]]:
        steps = np.arange(self.horizon)
        found = {"last value": add_scores([s for n in numbers for s in self._score_lags(n, np.zeros_like(steps))])}
        if self.season > 1:
            lags = {season: season - 1 - steps % season for season in set(self.seasons)}
            scored = [scores for n in numbers for scores in self._score_lags(n, lags[self.seasons[n]])]
            found[f"seasonal naive (season {self.season})"] = add_scores(scored)
        return found

    def example(self, outputs: Tensor, batch: Batch) -> tuple[str, str, str] | None:
        """The last forecast of the first target; of short horizons, the first steps of the last few forecasts."""
        asked = batch.weights[0].nonzero()[:, 0]
        if len(asked) == 0:
            return None
        number = 0 if batch.series is None else int(batch.series[0, asked[-1]])
        column, scale = self.targets[0], self.scales[number]
        rows = asked[-1:] if self.horizon >= SHOWN else asked[-SHOWN:]
        what = f"the {self.horizon} rows after" if self.horizon >= SHOWN else "the row after each of"
        shown = SHOWN if self.horizon >= SHOWN else 1
        values = batch.values[0, :, : len(self.columns)].double().numpy()
        scaled = values * scale.scaler.deviation + scale.scaler.mean
        now = scaled[rows.numpy()][:, self.targets]
        target, said = (
            scale.changes.in_units(part[0, rows].double().numpy(), now)[:, :shown, 0].flatten()
            for part in (batch.targets, outputs.detach())
        )
        seen = scaled[max(0, int(asked[-1]) + 1 - SHOWN) : int(asked[-1]) + 1, column]
        name = f"{self.columns[column]}{f' of {self.series[number]}' if self.series else ''}"
        return f"{name}, {what}: {_written(seen)}", _written(target), _written(said)

    def preprocessing(self) -> Mapping[str, Any]:
        return {
            "source": self.source,
            "reading": asdict(self.reading),
            "columns": self.columns,
            "targets": self.targets,
            "scales": {name: scale.to_json() for name, scale in zip(self.panel.names, self.scales, strict=True)},
            "pace": self.pace.to_json(),
            "times": self.time_facts,
        }

    def fingerprint(self) -> str:
        return self.content

    def _batch(self, window: Window, counts: Tensor) -> Batch:
        places = window.places.numpy()
        series = self.panel.series[places]
        targets = torch.from_numpy(self._changes_of(series).of(self.asked, places))
        inputs = tree.map(lambda leaf: leaf[window.places], self.inputs)
        dtype = values_of(inputs).dtype
        named = torch.from_numpy(series) if self.series else None
        return Batch(inputs, targets.to(dtype), counts.to(dtype), window.begins, resets=window.resets, series=named)

    def _changes_of(self, series: np.ndarray) -> Changes:
        """The changes of targets that are each of the series of that number."""
        return Changes(self.horizon, self.units[series][..., None, :])

    def _score_lags(self, number: int, lags: np.ndarray) -> list[Scores]:
        """Of a series: forecasting every step of the horizon in the test part by what stood ``lags`` rows before."""
        start, end = self.bounds["test"][number]
        parts = []
        for now in np.split(np.arange(start, end - self.horizon), range(SCORED_AT_ONCE, end - start, SCORED_AT_ONCE)):
            series = np.full((1, len(now)), number)
            right = torch.from_numpy(self._changes_of(series).of(self.asked, now[None]))
            said = (self.asked[now[:, None] - lags] - self.asked[now][:, None]) / self.units[number]
            batch = Batch(right, right, torch.ones(1, len(now), dtype=right.dtype), series=torch.from_numpy(series))
            parts.append(self.scores(torch.from_numpy(said.reshape(right.shape)), batch))
        return parts


def _time_facts(table: Table) -> dict[str, bool] | None:
    """What other tables must have for a run to go on from them."""
    return None if table.times is None else {"in_seconds": table.times.in_seconds, "even": table.even}


def _written(values: np.ndarray) -> str:
    return " ".join(f"{value:.4g}" for value in values)
