"""Solvers of h' = f(h) with a fixed number of steps, all rows at once, each for a time of its own.

    euler     h + d f(h)                                                        error O(d) after a fixed time
    midpoint  h + d f(h + d/2 f(h))                                             O(d^2)
    rk4       h + d/6 (k1 + 2 k2 + 2 k3 + k4), k2 = f(h + d/2 k1), ...          O(d^4), the classical Runge-Kutta

with d = duration / steps. What is differentiated is these steps, so gradients are exactly those of what was computed. A
solver that chooses its steps would make rows depend on each other, or on how many there are.
Source: Hairer, Norsett & Wanner 1993, "Solving Ordinary Differential Equations I", section II.1.
"""

from collections.abc import Callable
from typing import Literal, get_args

from torch import Tensor

from statewise.errors import choose

Field = Callable[[Tensor], Tensor]
Solver = Literal["euler", "midpoint", "rk4"]


def integrate(field: Field, h: Tensor, duration: Tensor, *, steps: int, solver: Solver) -> Tensor:
    """h after ``duration`` of h' = ``field(h)``.

    Args:
        field: from h to its derivative, of the same shape; it sees all rows, and each row's must be its own.
        h: ``(B, ...)``.
        duration: broadcastable to ``h``; of a row that is ``(B, 1)``.
        steps: how many, at least 1.
        solver: which formula.

    Raises:
        ValueError: if the solver is unknown or there is no step.

    >>> import torch
    >>> integrate(lambda h: -h, torch.ones(1, 1), torch.ones(1, 1), steps=10, solver="rk4")
    tensor([[0.3679]])
    """
    advance = SOLVERS[choose("solver", solver, get_args(Solver))]
    if steps < 1:
        raise ValueError(f"a solver needs at least 1 step, got {steps}")
    d = duration / steps
    for _ in range(steps):
        h = advance(field, h, d)
    return h


def euler(field: Field, h: Tensor, d: Tensor) -> Tensor:
    """One step of order 1."""
    return h + d * field(h)


def midpoint(field: Field, h: Tensor, d: Tensor) -> Tensor:
    """One step of order 2."""
    return h + d * field(h + d / 2 * field(h))


def rk4(field: Field, h: Tensor, d: Tensor) -> Tensor:
    """One step of order 4."""
    half = d / 2
    k1 = field(h)
    k2 = field(h + half * k1)
    k3 = field(h + half * k2)
    k4 = field(h + d * k3)
    return h + d / 6 * (k1 + 2 * (k2 + k3) + k4)


SOLVERS: dict[Solver, Callable[[Field, Tensor, Tensor], Tensor]] = {"euler": euler, "midpoint": midpoint, "rk4": rk4}
TABLEAUS: dict[Solver, tuple[tuple[float, float], ...]] = {
    "euler": ((0, 1),),
    "midpoint": ((1 / 2, 0), (0, 1)),
    "rk4": ((1 / 2, 1 / 6), (1 / 2, 1 / 3), (1, 1 / 3), (0, 1 / 6)),
}
"""The same as numbers: how far, as a share of d, each evaluation is followed to the next one, then its share in h"""
