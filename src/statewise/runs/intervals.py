"""How predictive intervals are found, as plain data."""

from dataclasses import dataclass

from statewise.errors import UserError


@dataclass(frozen=True)
class Intervals:
    """Predictive intervals from Monte Carlo dropout."""

    samples: int = 50
    """Thinned models that are asked"""
    level: float = 0.9
    """The share of what comes that an interval is to hold, of one target in one row"""
    seed: int = 0
    """The same seed gives the same intervals"""

    def __post_init__(self) -> None:
        if self.samples < 2:
            raise UserError(f"samples must be at least 2, got {self.samples}")
        if not 0 < self.level < 1:
            raise UserError(f"an interval must hold a share between 0 and 1, got {self.level}; say 0.9 for 90 %")
