"""The search for the root: a first guess, whether it is worth while, and Newton's iterations row by row."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from statewise import tree
from statewise.contract import Input, slice_time
from statewise.parallel.block_recurrence import block_recurrence, times
from statewise.parallel.exponent import largest_exponent, resolution
from statewise.parallel.transition import Transition
from statewise.parallel.vectors import Parts
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

    states: Parts
    """(B, T, n) and whole numbers (B, T, ...)"""
    jacobians: Tensor
    """(B, T, n / k, k, k), the blocks of df/ds at the state before"""
    iterations: Tensor
    """(B,) int64"""
    residual: Tensor
    """(B,); NaN where nothing was tried"""
    met: Tensor
    """(B,) bool"""
    mistaken: Tensor
    """(B,) bool: whether the Jacobian's blocks were taken for smaller than they are: gradients would be wrong"""
    exponent: Tensor
    """(B,)"""
    reason: str | None
    """why some rows have no root"""


@torch.no_grad()
def find_root(step: Transition, x: Input, start: State, search: Search) -> Root:
    """All states of all rows, where Newton's method finds them. Whole numbers become what the step makes of them."""
    s_0 = step.vectors.parts(start)
    states, exponent, slack = _first_guess(step, x, s_0)
    tried = ~(exponent > search.exponent_bound + slack)
    batch, time, width = states.real.shape
    jacobians = states.real.new_zeros(batch, time, width // step.block, step.block, step.block)
    iterations = torch.zeros(batch, dtype=torch.int64, device=exponent.device)
    residual, counted = states.real.new_full((batch,), torch.nan), torch.zeros_like(tried)
    rows = tried.nonzero().flatten()
    for iteration in range(search.max_iterations + 1):
        if not len(rows):
            break
        first, here = tree.take(s_0, rows), tree.take(states, rows)
        before = preceded(first, here)
        values, slopes = _linearised(step, tree.take(x, rows), before)
        residual[rows] = step.vectors.relative(here.real - values.real, values.real)
        counted[rows] = _same_whole(here, values)
        iterations[rows] = iteration
        met = (residual[rows] <= search.tolerance) & counted[rows]
        jacobians[rows[met]] = slopes[met]
        left = ~met & residual[rows].isfinite()
        if iteration == search.max_iterations:
            break
        rows = rows[left]
        if len(rows):
            ahead = _improved(slopes[left], *(tree.take(part, left) for part in (values, before, first)))
            for leaf, better in zip(tree.leaves(states), tree.leaves(ahead), strict=True):
                leaf[rows] = better
    near = (residual <= search.tolerance) & counted
    mistaken = near & ~_as_taken(step, x, preceded(s_0, states), near)
    reason = _reason(search, tried, residual, counted, mistaken)
    return Root(states, jacobians, iterations, residual, near & ~mistaken, mistaken, exponent, reason)


def preceded(first: Parts, states: Parts) -> Parts:
    """What each step starts from: ``first (B, ...)``, then all of ``states (B, T, ...)`` but the last."""
    before: Parts = tree.map(lambda s_0, s: torch.cat([s_0.unsqueeze(1), s[:, :-1]], dim=1), first, states)
    return before


def _improved(slopes: Tensor, values: Parts, before: Parts, first: Parts) -> Parts:
    """The states of one Newton step. Whole numbers have no slope: theirs are what f makes of those before."""
    real = block_recurrence(slopes, values.real - times(slopes, before.real), first.real)
    return Parts(real, values.whole)


def _same_whole(some: Parts, others: Parts) -> Tensor:
    """``(B,)`` whether whole numbers are the same at all steps."""
    same = some.real.new_ones(len(some.real), dtype=torch.bool)
    for one, other in zip(some.whole, others.whole, strict=True):
        same &= (one == other).flatten(1).all(dim=1)
    return same


def rows_of(x: Any) -> Any:
    """The steps of a sequence, of inputs or of states, as so many rows ``(B T, ...)``."""
    return tree.map(lambda t: t.flatten(0, 1), x)


def _linearised(step: Transition, x: Input, before: Parts) -> tuple[Parts, Tensor]:
    """f and df/ds at every row and step."""
    found: tuple[Parts, Tensor] = step.linearised(rows_of(x), rows_of(before))
    return tree.map(lambda t: t.unflatten(0, before.real.shape[:2]), found)


def _as_taken(step: Transition, x: Input, before: Parts, rows: Tensor) -> Tensor:
    """``(B,)`` whether the Jacobian has no other blocks than it is taken for at all steps; looked at in some rows."""
    found = torch.ones_like(rows)
    if step.block < step.vectors.width and bool(rows.any()):
        inputs, states = rows_of(tree.take(x, rows)), rows_of(tree.take(before, rows))
        found[rows] = step.has_blocks(inputs, states, step.block).view(-1, before.real.shape[1]).all(dim=1)
    return found


def _first_guess(step: Transition, x: Input, s_0: Parts) -> tuple[Parts, Tensor, float]:
    """States ``(B, T, ...)``, the exponent along the first few, and what it is good to.

    A few steps are taken; real numbers stay what they are after these, whole ones go on as in the last of these.
    """
    time = tree.leaves(x)[0].shape[1]
    looked_at = max(1, min(LOOKED_AT, time // 4))
    taken = [s_0]
    for t in range(looked_at):
        taken.append(step(tree.map(lambda leaf, t=t: leaf[:, t], x), taken[-1]))
    steps: Parts = tree.map(lambda *each: torch.stack(each, dim=1), *taken)
    _, slopes = _linearised(step, slice_time(x, 0, looked_at), tree.map(lambda leaf: leaf[:, :-1], steps))
    real, whole = steps.real[:, 1:], [_gone_on(leaf, time) for leaf in steps.whole]
    held = real[:, -1:].expand(-1, time - looked_at, -1)
    guess = Parts(torch.cat([real, held], dim=1), tuple(whole))
    return guess, largest_exponent(slopes, step.clocks), resolution(looked_at)


def _gone_on(leaf: Tensor, time: int) -> Tensor:
    """Whole numbers ``(B, T, ...)`` of the steps after the first, from those at a few; each later one is as far on."""
    known, last = leaf[:, 1:], leaf[:, -1:].long()
    ahead = torch.arange(1, time - known.shape[1] + 1, device=leaf.device).view(1, -1, *[1] * (leaf.dim() - 2))
    return torch.cat([known, (last + ahead * (last - leaf[:, -2:-1].long())).to(leaf.dtype)], dim=1)


def _reason(search: Search, tried: Tensor, residual: Tensor, counted: Tensor, mistaken: Tensor) -> str | None:
    rows = len(tried)
    lost = tried & ~residual.isfinite()
    left = tried & ~lost
    counts = {
        f"an estimated Lyapunov exponent above {search.exponent_bound:g}, where Newton's method is not to be expected "
        "to converge (exponent_bound=math.inf tries them all the same)": ~tried,
        "numbers that are not finite, in what they are fed or on the way to the root": lost,
        f"a residual above {search.tolerance:.1g} after max_iterations={search.max_iterations}": left
        & (residual > search.tolerance),
        f"whole numbers in their state that were not found in max_iterations={search.max_iterations}": left
        & (residual <= search.tolerance)
        & ~counted,
        "a Jacobian that is not at all of their states what it is at random ones (pass jacobian='full')": mistaken,
    }
    reasons = [f"{int(which.sum())} of {rows} rows have {what}" for what, which in counts.items() if bool(which.any())]
    return "; ".join(reasons) or None
