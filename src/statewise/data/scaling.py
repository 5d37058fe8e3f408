"""Bringing columns and their changes to size one, by what the training part looks like."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Scaler:
    """x' = (x - mean) / deviation, column by column; a constant column keeps deviation 1.

    >>> Scaler.fit(np.array([[1.0], [3.0]])).apply(np.array([[5.0]]))
    array([[3.]])
    """

    mean: np.ndarray
    deviation: np.ndarray

    @classmethod
    def fit(cls, values: np.ndarray) -> "Scaler":
        """The scaler of a training part ``(rows, columns)``."""
        varies = np.ptp(values, axis=0) > 0
        return cls(values.mean(axis=0), np.where(varies, values.std(axis=0), 1.0))

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Scaled values."""
        return (values - self.mean) / self.deviation

    def to_json(self) -> dict[str, Any]:
        """Everything ``from_json`` needs."""
        return {"mean": self.mean.tolist(), "deviation": self.deviation.tolist()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Scaler":
        """The scaler that ``to_json`` described."""
        return cls(np.array(data["mean"]), np.array(data["deviation"]))


@dataclass(frozen=True)
class Changes:
    """How forecasts are expressed: c_{t,h} = (x_{t+h} - x_t) / s for h = 1 ... horizon, target by target.

    s is the root mean square of x_{t+h} - x_t over the training part and all h, so that saying 0 is to forecast the
    last value, with a mean square error of 1 on the training part. A model that says changes goes on with a series that
    rises above all it was trained on (the subtraction of NLinear, Zeng et al. 2023).

    >>> changes = Changes.fit(np.array([[1.0], [3.0], [5.0]]), horizon=1)
    >>> changes.of(np.array([[7.0], [9.0]]), np.array([0])), changes.in_units(np.array([1.0]), np.array([9.0]))
    (array([[1.]]), array([[11.]]))
    """

    horizon: int
    scale: np.ndarray
    """(K,): s; (..., 1, K) of changes (..., horizon * K) that are each of a series of its own"""

    @classmethod
    def fit(cls, values: np.ndarray, horizon: int) -> "Changes":
        """What is usual in a training part ``(rows, K)`` of more than ``horizon`` rows."""
        squares = [np.square(values[h:] - values[:-h]).mean(axis=0) for h in range(1, horizon + 1)]
        scale = np.sqrt(np.mean(squares, axis=0))
        return cls(horizon, np.where(scale > 0, scale, 1.0))

    def of(self, values: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Changes ``(..., horizon * K)`` after the rows ``places (...)`` of ``values (rows, K)``.

        Past the end the last row is repeated.
        """
        ahead = np.minimum(places[..., None] + np.arange(1, self.horizon + 1), len(values) - 1)
        changes = (values[ahead] - values[places][..., None, :]) / self.scale
        return changes.reshape(*places.shape, -1)

    def in_units(self, changes: np.ndarray, now: np.ndarray) -> np.ndarray:
        """Forecasts ``(..., horizon, K)`` from ``changes (..., horizon * K)`` after the values ``now (..., K)``."""
        return now[..., None, :] + changes.reshape(*changes.shape[:-1], self.horizon, self.scale.shape[-1]) * self.scale

    def to_json(self) -> dict[str, Any]:
        """Everything ``from_json`` needs."""
        return {"horizon": self.horizon, "scale": self.scale.tolist()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Changes":
        """The changes that ``to_json`` described."""
        return cls(data["horizon"], np.array(data["scale"]))


@dataclass(frozen=True)
class Scale:
    """What brings one series to size one: its columns, and the changes of its targets."""

    scaler: Scaler
    changes: Changes

    @classmethod
    def fit(cls, values: np.ndarray, targets: Sequence[int], horizon: int) -> "Scale":
        """That of a training part ``(rows, columns)`` of more than ``horizon`` rows, targets by their columns."""
        return cls(Scaler.fit(values), Changes.fit(values[:, targets], horizon))

    def to_json(self) -> dict[str, Any]:
        """Everything ``from_json`` needs."""
        return {"scaler": self.scaler.to_json(), "changes": self.changes.to_json()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Scale":
        """The scale that ``to_json`` described."""
        return cls(Scaler.from_json(data["scaler"]), Changes.from_json(data["changes"]))
