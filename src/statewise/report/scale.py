"""From numbers to places on an axis, and the round numbers worth a tick."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

_ROUND = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True)
class Scale:
    """A linear or logarithmic axis from ``low`` to ``high``."""

    low: float
    high: float
    log: bool = False

    @classmethod
    def over(cls, values: Iterable[float], *, wide: float = 30.0, pad: float = 0.05) -> "Scale":
        """An axis over ``values`` with ``pad`` of its length to spare at both ends.

        Logarithmic where all are positive and the largest is at least ``wide`` times the smallest.

        >>> Scale.over([1.0, 1000.0], pad=0.0)
        Scale(low=1.0, high=1000.0, log=True)
        >>> Scale.over([2.0, 2.0], pad=0.0)
        Scale(low=1.0, high=3.0, log=False)
        """
        known = list(values) or [0.0, 1.0]
        low, high = min(known), max(known)
        if high - low <= 1e-12 * max(abs(low), abs(high)):
            reach = abs(low) / 2 or 1.0
            return cls(low - reach, high + reach)
        if low > 0 and high / low >= wide:
            spare = (high / low) ** pad
            return cls(low / spare, high * spare, log=True)
        spare = (high - low) * pad
        return cls(low - spare, high + spare)

    def place(self, value: float) -> float:
        """Where ``value`` lies: 0 at ``low``, 1 at ``high``."""
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def holds(self, value: float) -> bool:
        """Whether ``value`` lies on the axis."""
        return self.low <= value <= self.high

    def ticks(self, most: int = 6, *, binary: bool = False) -> list[float]:
        """At most about ``most`` round numbers on the axis; powers of two where ``binary``.

        >>> Scale(0.0, 1.0).ticks()
        [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
        >>> Scale(1.0, 1000.0, log=True).ticks()
        [1.0, 10.0, 100.0, 1000.0]
        >>> Scale(16.0, 300.0, log=True).ticks(binary=True)
        [16.0, 32.0, 64.0, 128.0, 256.0]
        """
        if not self.log:
            return self._linear_ticks(most)
        powers = self._powers(2.0 if binary else 10.0, most)
        if len(powers) > 2:
            return powers
        finer = [power * factor for power in self._powers_around() for factor in (1.0, 2.0, 5.0)]
        inside = [tick for tick in finer if self.low <= tick <= self.high]
        return inside if len(inside) >= 2 else self._linear_ticks(most)

    def _linear_ticks(self, most: int) -> list[float]:
        rough = (self.high - self.low) / max(most - 1, 1)
        unit = 10.0 ** math.floor(math.log10(rough))
        step = next(factor * unit for factor in _ROUND if factor * unit >= rough * (1 - 1e-9))
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        digits = max(0, 1 - math.floor(math.log10(step)))
        return [round(index * step, digits) + 0.0 for index in range(first, last + 1)]

    def _powers(self, base: float, most: int) -> list[float]:
        first = math.ceil(math.log(self.low, base) - 1e-9)
        last = math.floor(math.log(self.high, base) + 1e-9)
        stride = max(1, math.ceil((last - first + 1) / most))
        return [base**power for power in range(first, last + 1, stride)]

    def _powers_around(self) -> list[float]:
        first, last = math.floor(math.log10(self.low)), math.floor(math.log10(self.high))
        return [10.0**power for power in range(first, last + 1)]
