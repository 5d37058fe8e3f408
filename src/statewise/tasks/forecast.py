"""Forecasting on any CSV: the next values of one or many targets, from all columns so far."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from statewise.contract import Vectors
from statewise.data.scaling import Scaler
from statewise.data.streams import Window, scoring_windows, training_window
from statewise.data.table import Table, read_table
from statewise.errors import UserError, unknown
from statewise.tasks.base import Batch, Metric, Scores, Split, Task


class Forecast(Task):
    """At every row, forecast the next ``horizon`` rows of the targets (all steps of the horizon at once).

    Inputs ``(B, T, columns)`` and targets ``(B, T, horizon * K)`` are standardised by the training rows. A row counts
    where its whole horizon lies in its split; models are run over the rows before a split first, so that they come to
    it warm. Scores are in the targets' own units; MASE is the mean absolute error over that of the seasonal naive
    forecast one step ahead on the training rows (Hyndman & Koehler 2006), averaged over the targets.

    Args:
        source: path of a CSV file with a header.
        target: names of the columns to forecast, separated by commas; empty = the last column.
        horizon: rows ahead.
        time: name of the time column; empty = guessed.
        season: rows a season; 0 = guessed from the time column.
        chunk: time steps a training batch, which is how far gradients reach back.
        train: training rows, as a fraction, or as a number if above 1.
        valid: validation rows, likewise; the rest tests, up to ``rows``.
        rows: how many rows of the file are used; 0 = all.

    Raises:
        UserError: if the table cannot be read, a target is unknown or constant, or the splits are too short.
    """

    name = "forecast"
    description = "Forecast the next rows of a series"
    regression = True
    primary = Metric("mase", "errors of the seasonal naive forecast", lower_is_better=True)

    def __init__(
        self,
        *,
        source: str,
        target: str = "",
        horizon: int = 1,
        time: str = "",
        season: int = 0,
        chunk: int = 64,
        train: float = 0.7,
        valid: float = 0.15,
        rows: int = 0,
    ) -> None:
        table = read_table(source, time=time or None)
        values = table.values[:rows] if rows else table.values
        self.source = source
        self.table = table
        self.chunk = chunk
        self.season = season or table.season
        self.targets = _target_columns(table, target)
        self.horizon = horizon
        first = round(train if train > 1 else train * len(values))
        second = first + round(valid if valid > 1 else valid * len(values))
        self.bounds = {"train": (0, first), "valid": (first, second), "test": (second, len(values))}
        self._check_splits(source)
        self.scaler = Scaler.fit(values[:first])
        self._check_targets(source, values[:first])
        self.values = values
        scaled = torch.from_numpy(self.scaler.apply(values)).to(torch.get_default_dtype())
        self.inputs = scaled
        self.answers = _ahead(scaled[:, self.targets], horizon)
        self.naive_error = _naive_error(values[:first][:, self.targets], self.season)
        self.input_form = Vectors(scaled.shape[1])
        self.output_size = horizon * len(self.targets)

    def train_batch(self, index: int, *, batch_size: int, seed: int) -> Batch:
        total = self.bounds["train"][1] - self.horizon
        rows = max(1, min(batch_size, total // self.chunk))
        window = training_window(index, total=total, rows=rows, length=min(self.chunk, total), seed=seed)
        return self._batch(window, (0, total))

    def evaluation(self, split: Split, *, batch_size: int, length: int | None = None) -> Iterator[Batch]:
        if length is not None:
            raise UserError("a forecast is scored over its whole split; it has no lengths")
        start, end = self.bounds[split]
        for window in scoring_windows(total=end - self.horizon, rows=1, length=512):
            yield self._batch(window, (start, end - self.horizon))

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        return ((outputs - batch.targets).square().mean(dim=2) * batch.weights).sum()

    def scores(self, outputs: Tensor, batch: Batch) -> Scores:
        positions = float(batch.weights.sum())
        errors = (outputs - batch.targets).unflatten(2, (self.horizon, -1)).double()
        scale = torch.from_numpy(self.scaler.deviation[self.targets])
        absolute = (errors.abs() * scale * batch.weights[..., None, None]).sum(dim=(0, 1)).mean(dim=0)
        squared = (errors.square() * scale.square() * batch.weights[..., None, None]).sum(dim=(0, 1)).mean(dim=0)
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
        seasonal = f"seasonal naive (season {self.season})"
        steps = torch.arange(self.horizon)
        found = {"last value": self._score_lags(torch.zeros_like(steps))}
        if self.season > 1:
            found[seasonal] = self._score_lags(self.season - 1 - steps % self.season)
        return found

    def example(self, outputs: Tensor, batch: Batch) -> tuple[str, str, str]:
        last = int(batch.weights[0].nonzero()[-1])
        shown = [self.in_units(part[0, last]) for part in (batch.targets, outputs)]
        target, said = (" ".join(f"{value:.4g}" for value in part[:24, 0]) for part in shown)
        return f"{self.horizon} rows ahead of {self.table.columns[self.targets[0]]}", target, said

    def preprocessing(self) -> Mapping[str, Any]:
        return {
            "columns": self.table.columns,
            "targets": self.targets,
            "horizon": self.horizon,
            "scaler": self.scaler.to_json(),
        }

    def fingerprint(self) -> str:
        return self.table.content

    def in_units(self, outputs: Tensor) -> np.ndarray:
        """Forecasts ``(horizon * K,)`` as ``(horizon, K)`` in the targets' own units."""
        scaled = outputs.detach().view(self.horizon, -1).double().numpy()
        return scaled * self.scaler.deviation[self.targets] + self.scaler.mean[self.targets]

    def _batch(self, window: Window, counted: tuple[int, int]) -> Batch:
        weights = ((window.places >= counted[0]) & (window.places < counted[1])).to(self.inputs.dtype)
        return Batch(self.inputs[window.places], self.answers[window.places], weights, starts=window.begins)

    def _score_lags(self, lags: Tensor) -> dict[str, float]:
        """Test scores of forecasting every step of the horizon by the value that stood ``lags`` rows before now."""
        start, end = self.bounds["test"]
        now = torch.arange(start, end - self.horizon)
        said = self.inputs[:, self.targets][now.unsqueeze(1) - lags].flatten(1).unsqueeze(0)
        batch = Batch(self.inputs[now].unsqueeze(0), self.answers[now].unsqueeze(0), torch.ones(1, len(now)))
        found = self.scores(said, batch)
        return {name: found.sums[name] / found.counts[name] for name in found.sums}

    def _check_splits(self, source: str) -> None:
        if self.horizon < 1:
            raise UserError(f"horizon must be at least 1, got {self.horizon}")
        for name, (start, end) in self.bounds.items():
            if end - start <= self.horizon:
                raise UserError(
                    f"the {name} part of {source} has {max(0, end - start)} rows, too few for a horizon of "
                    f"{self.horizon}; give a longer series, a shorter horizon or other split sizes"
                )

    def _check_targets(self, source: str, train: np.ndarray) -> None:
        for column in self.targets:
            if np.ptp(train[:, column]) == 0:
                raise UserError(
                    f"target '{self.table.columns[column]}' of {source} is constant in the training part; there is "
                    "nothing to learn: choose another target"
                )


def _target_columns(table: Table, names: str) -> list[int]:
    if not names:
        table.notes.append(f"target: {table.columns[-1]} (say --target to choose another)")
        return [len(table.columns) - 1]
    wanted = [name.strip() for name in names.split(",")]
    for name in wanted:
        if name not in table.columns:
            raise unknown("column", name, table.columns)
    return [table.columns.index(name) for name in wanted]


def _ahead(targets: Tensor, horizon: int) -> Tensor:
    """What stands 1 ... horizon rows after each row, ``(rows, horizon * K)``; zeros past the end, where none count."""
    padded = torch.cat([targets, targets.new_zeros(horizon, targets.shape[1])])
    return torch.stack([padded[step : step + len(targets)] for step in range(1, horizon + 1)], dim=1).flatten(1)


def _naive_error(targets: np.ndarray, season: int) -> np.ndarray:
    """Mean absolute error of the seasonal naive forecast on the training rows, one a target."""
    lag = season if season < len(targets) else 1
    error = np.abs(targets[lag:] - targets[:-lag]).mean(axis=0)
    return np.where(error > 0, error, 1.0)
