"""How predictive intervals are found, as plain data."""

from dataclasses import dataclass

from statewise.errors import UserError

USUAL_SAMPLES = 50
"""Thinned models that are asked, of a model with dropout"""


@dataclass(frozen=True)
class Intervals:
    """Predictive intervals from errors on validation: around what the model says, or around what thinned models say.

    The first are those of split conformal prediction, and any model has them. The second (Monte Carlo dropout) take a
    model with dropout, and are the wider the less these thinned models agree.
    """

    samples: int | None = None
    """Thinned models that are asked; 0 = the model as it is; ``None`` = 50 of a model with dropout, 0 of another"""
    level: float = 0.9
    """The share of what comes that an interval is to hold, of one target in one row"""
    seed: int = 0
    """The same seed gives the same thinned models"""

    def __post_init__(self) -> None:
        if self.samples is not None and self.samples != 0 and self.samples < 2:
            raise UserError(f"samples must be at least 2, or 0 for intervals without dropout, got {self.samples}")
        if not 0 < self.level < 1:
            raise UserError(f"an interval must hold a share between 0 and 1, got {self.level}; say 0.9 for 90 %")
