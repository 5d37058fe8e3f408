"""What of its old state a stream keeps after gates have moved it: one kind for each way in which cells stand still.

Of one row, for use inside compiled loops: ``hold`` has h and m before the step, and what gates made of them, which it
changes. Letters as in ``statewise.ops.dense_recurrence``.
"""

from typing import Any, NamedTuple

from torch import Tensor

from statewise.ops.gates.parts import stay_all
from statewise.ops.streams.form import Form

Array = Any


class Moving(NamedTuple):
    """Nothing is kept."""

    @staticmethod
    def form() -> Form:
        return Form()

    @staticmethod
    def hold(hold: Any, row: int, h: Array, m: Array, h_next: Array, m_next: Array) -> None:
        """All of it moves."""


MOVING = Moving()


class Shares(NamedTuple):
    """A share k of each number, the same at every step: h_t = k * h_{t-1} + (1 - k) * h'_t, likewise m_t."""

    keep: Tensor
    """k of h, then of m ``(1 + M, H)``"""

    @staticmethod
    def form() -> Form:
        return Form(axes=("N H",))

    @staticmethod
    def hold(hold: Any, row: int, h: Array, m: Array, h_next: Array, m_next: Array) -> None:
        """h and m of one row."""
        stay_all(hold.keep, h, m, h_next, m_next)


class CountedShares(NamedTuple):
    """``Shares`` of a cell whose noise is a function of a row's seed and its steps, where no noise is drawn."""

    keep: Tensor
    """k of h, then of m ``(1 + M, H)``"""
    seed: Tensor
    """``(B,)`` int64"""
    steps: Tensor
    """Since the row began ``(B,)``, int64; they are counted"""

    @staticmethod
    def form() -> Form:
        return Form(axes=("N H", "B", "B"), carried=("seed", "steps"))

    @staticmethod
    def hold(hold: Any, row: int, h: Array, m: Array, h_next: Array, m_next: Array) -> None:
        """h and m of one row."""
        hold.steps[row] += 1
        stay_all(hold.keep, h, m, h_next, m_next)


class Clocks(NamedTuple):
    """All of h between two ticks of a unit's clock: of the clockwork RNN, which has no memory beside h."""

    periods: Tensor
    """Of each unit, in steps ``(H,)``, int64"""
    steps: Tensor
    """Since the row began ``(B,)``, int64; they are counted"""

    @staticmethod
    def form() -> Form:
        return Form(axes=("H", "B"), carried=("steps",))

    @staticmethod
    def hold(hold: Any, row: int, h: Array, m: Array, h_next: Array, m_next: Array) -> None:
        """h of one row."""
        for j in range(h.shape[0]):
            if hold.steps[row] % hold.periods[j] != 0:
                h_next[j] = h[j]
        hold.steps[row] += 1
