"""Standardising columns by what the training part looks like."""

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
        deviation = values.std(axis=0)
        return cls(values.mean(axis=0), np.where(deviation > 0, deviation, 1.0))

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
