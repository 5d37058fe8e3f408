"""The search for the root: a first guess, whether it is worth while, and Newton's iterations row by row."""

from typing import NamedTuple

import torch
from torch import Tensor

from statewise import tree
from statewise.contract import Input, slice_time
from statewise.parallel.block_recurrence import block_recurrence, times
from statewise.parallel.exponent import largest_exponent
from statewise.parallel.transition import Transition
from statewise.tree import State

LOOKED_AT = 32
"""Steps at the start that are taken one by one to estimate the exponent; at most a quarter of the sequence"""


class Search(NamedTuple):
    """How long to look, and what for."""

    max_iterations: int
    tolerance: float
    exponent_bound: float


class Root(NamedTuple):
    """What was found; states and Jacobians are those of rows that met the tolerance, else to be passed over."""

    states: Tensor
    """(B, T, n)"""
    jacobians: Tensor
    """(B, T, n, n) or (B, T, n), df/ds at the state before"""
    iterations: Tensor
    """(B,) int64"""
    residual: Tensor
    """(B,); NaN where nothing was tried"""
    met: Tensor
    """(B,) bool"""
    mistaken: Tensor
    """(B,) bool: whether the Jacobian was taken for diagonal and is not, so that gradients would be wrong"""
    exponent: Tensor
    """(B,)"""
    reason: str | None
    """why some rows have no root"""


@torch.no_grad()
def find_root(step: Transition, x: Input, start: State, search: Search) -> Root:
    """All states of all rows, where Newton's method finds them."""
    s_0 = step.vectors.vector(start)
    states, exponent = _first_guess(step, x, s_0)
    tried = ~(exponent > search.exponent_bound + search.tolerance)
    batch, time, width = states.shape
    jacobians = states.new_zeros(batch, time, width, *([] if step.diagonal else [width]))
    iterations = torch.zeros(batch, dtype=torch.int64, device=states.device)
    residual = states.new_full((batch,), torch.nan)
    rows = tried.nonzero().flatten()
    for iteration in range(search.max_iterations + 1):
        if not len(rows):
            break
        before = preceded(s_0[rows], states[rows])
        values, slopes = _linearised(step, tree.take(x, rows), before)
        residual[rows] = _relative(states[rows] - values, values)
        iterations[rows] = iteration
        met = residual[rows] <= search.tolerance
        jacobians[rows[met]] = slopes[met]
        left = ~met & residual[rows].isfinite()
        if iteration == search.max_iterations:
            break
        rows, before, values, slopes = rows[left], before[left], values[left], slopes[left]
        if len(rows):
            states[rows] = block_recurrence(slopes, values - times(slopes, before), s_0[rows])
    near = residual <= search.tolerance
    mistaken = near & ~_as_taken(step, x, preceded(s_0, states), near)
    reason = _reason(search, tried, residual, mistaken)
    return Root(states, jacobians, iterations, residual, near & ~mistaken, mistaken, exponent, reason)


def preceded(first: Tensor, states: Tensor) -> Tensor:
    """What each step starts from: ``first (B, n)``, then all of ``states (B, T, n)`` but the last."""
    return torch.cat([first.unsqueeze(1), states[:, :-1]], dim=1)


def rows_of(x: Input) -> Input:
    """The steps of a sequence as so many rows ``(B T, ...)``."""
    return tree.map(lambda t: t.flatten(0, 1), x)


def _linearised(step: Transition, x: Input, before: Tensor) -> tuple[Tensor, Tensor]:
    """f and df/ds at every row and step."""
    values, slopes = step.linearised(rows_of(x), before.flatten(0, 1))
    return values.unflatten(0, before.shape[:2]), slopes.unflatten(0, before.shape[:2])


def _as_taken(step: Transition, x: Input, before: Tensor, rows: Tensor) -> Tensor:
    """``(B,)`` whether a Jacobian that is taken for diagonal is so at all steps; looked at in some rows alone."""
    found = torch.ones_like(rows)
    if step.diagonal and bool(rows.any()):
        diagonal = step.is_diagonal(rows_of(tree.map(lambda leaf: leaf[rows], x)), before[rows].flatten(0, 1))
        found[rows] = diagonal.view(-1, before.shape[1]).all(dim=1)
    return found


def _first_guess(step: Transition, x: Input, s_0: Tensor) -> tuple[Tensor, Tensor]:
    """States ``(B, T, n)``, those of a few steps taken and the last of these held, and the exponent along these few."""
    time = tree.leaves(x)[0].shape[1]
    looked_at = max(1, min(LOOKED_AT, time // 4))
    taken = [s_0]
    for t in range(looked_at):
        taken.append(step(tree.map(lambda leaf, t=t: leaf[:, t], x), taken[-1]))
    before, after = torch.stack(taken[:-1], dim=1), torch.stack(taken[1:], dim=1)
    _, slopes = _linearised(step, slice_time(x, 0, looked_at), before)
    held = after[:, -1:].expand(-1, time - looked_at, -1)
    return torch.cat([after, held], dim=1), largest_exponent(slopes)


def _relative(difference: Tensor, values: Tensor) -> Tensor:
    """The largest difference of each row, against the largest value."""
    scale = values.abs().amax(dim=(1, 2)).clamp_min(torch.finfo(values.dtype).tiny)
    return difference.abs().amax(dim=(1, 2)) / scale


def _reason(search: Search, tried: Tensor, residual: Tensor, mistaken: Tensor) -> str | None:
    rows = len(tried)
    lost = tried & ~residual.isfinite()
    counts = {
        f"an estimated Lyapunov exponent above {search.exponent_bound:g}, where Newton's method is not to be expected "
        "to converge (exponent_bound=math.inf tries them all the same)": ~tried,
        "numbers that are not finite, in what they are fed or on the way to the root": lost,
        f"a residual above {search.tolerance:.1g} after max_iterations={search.max_iterations}": tried
        & ~lost
        & (residual > search.tolerance),
        "a Jacobian that is diagonal at random states and not at all of their own (pass jacobian='full')": mistaken,
    }
    reasons = [f"{int(which.sum())} of {rows} rows have {what}" for what, which in counts.items() if bool(which.any())]
    return "; ".join(reasons) or None
