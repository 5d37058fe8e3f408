"""Segments: a row that is reset inside is several rows, one after the other in memory.

A reset empties a row's state, so nothing passes from the steps before it to those after it. Letters: B rows, T steps, S
segments.
"""

from collections.abc import Callable
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from statewise import tree
from statewise.tree import State


class Segments:
    """What resets cut the rows of a sequence into: row by row, and in the order of time within a row.

    Args:
        reset: ``(B, T)`` bool, T >= 1. Where it is true a segment begins, and at the first step of each row.

    >>> segments = Segments(torch.tensor([[False, False, True], [True, False, False]]))
    >>> segments.rows.tolist(), segments.starts.tolist(), segments.lengths.tolist()
    ([0, 0, 1], [0, 2, 0], [2, 1, 3])
    """

    def __init__(self, reset: Tensor) -> None:
        begins = reset.clone()
        begins[:, 0] = True
        self.batch, self.time = reset.shape
        self.rows, self.starts = begins.nonzero(as_tuple=True)
        """(S,) the row of each and its first step in there"""
        self.first = self.rows * self.time + self.starts
        """(S,) the first step of each, counted through all rows"""
        self.ends = torch.cat([self.first[1:], self.first.new_tensor([reset.numel()])]) - 1
        """(S,) the last step of each, counted so"""
        self.lengths = self.ends + 1 - self.first
        """(S,) steps"""
        self.emptied = reset[self.rows, self.starts]
        """(S,) whether it begins with a reset; otherwise it goes on from the state of its row"""
        self.last = begins.sum(dim=1).cumsum(dim=0) - 1
        """(B,) the segment that each row ends with"""
        self.opening = torch.cat([self.last.new_zeros(min(self.batch, 1)), self.last[:-1] + 1])
        """(B,) the segment that each row begins with"""

    def __len__(self) -> int:
        return len(self.rows)

    def before(self, state: State, initial: State) -> State:
        """The state before each segment, S rows: from ``state`` of B rows, or where it begins anew from ``initial``."""
        going_on = (~self.emptied).nonzero().squeeze(1)
        return tree.put(tree.pad_like(initial, state), going_on, tree.take(state, self.rows[going_on]))

    def spread(self, numbers: Tensor) -> Tensor:
        """``(B, T)``: at each step the number of its segment, of ``(S,)``.

        >>> Segments(torch.tensor([[False, False, True]])).spread(torch.tensor([5, 7])).tolist()
        [[5, 5, 7]]
        """
        return numbers.repeat_interleave(self.lengths).view(self.batch, self.time)

    @cached_property
    def plan(self) -> "Plan":
        """How to run them by the binary digits of their lengths, the highest first: 13 steps are 8, then 4, then 1."""
        digits = int(self.lengths.max()).bit_length()
        waiting: list[list[Tensor]] = [[] for _ in range(digits + 1)]

        def hand_on(having: Tensor, digit: int) -> Handover:
            left = self.lengths[having] & ((1 << digit) - 1)
            place = torch.frexp(left.double()).exponent.long()
            order, sizes = place.argsort(stable=True), place.bincount(minlength=digit + 1).tolist()
            for queue, part in zip(waiting, having[order].split(sizes), strict=False):
                queue.append(part)
            return Handover(order, sizes)

        start, rounds, steps = hand_on(torch.arange(len(self), device=self.rows.device), digits), [], []
        for digit in reversed(range(digits)):
            having = torch.cat(waiting[digit + 1])
            if len(having):
                begun = self.first[having] + (self.lengths[having] >> digit + 1 << digit + 1)
                steps.append((begun.unsqueeze(1) + torch.arange(1 << digit, device=begun.device)).flatten())
                rounds.append(Round(digit, len(having), hand_on(having, digit)))
        return Plan(start, rounds, torch.cat(steps), torch.cat(waiting[0]).argsort())


class Handover(NamedTuple):
    """Where the states of segments go after a round: to the round of the next digit of their length that is 1."""

    order: Tensor
    """(n,) the rows of the round, first those that are done, then those that go on with digit 0, with digit 1, ..."""
    sizes: list[int]
    """How many of each"""


class Round(NamedTuple):
    """Pieces of segments that are as long as each other, 2^digit steps."""

    digit: int
    rows: int
    onward: Handover


class Plan(NamedTuple):
    """Rounds, the longest pieces first."""

    start: Handover
    rounds: list[Round]
    steps: Tensor
    """(B T,) all steps, counted through all rows, in the order in which the rounds take them"""
    back: Tensor
    """(S,) where each segment stands among those that are done"""


def last_steps(sequence: Tensor, segments: Segments | None) -> Tensor:
    """What stands in ``(B, T, ...)`` at the last step of each segment ``(S, ...)``, or without segments of each row."""
    if segments is None:
        return sequence[:, -1].clone()
    return sequence.flatten(0, 1).index_select(0, segments.ends)


def append(window: Tensor, new: Tensor, segments: Segments | None = None) -> Tensor:
    """A time-ordered window ``(B, W, ...)`` with the steps ``new (B, T, ...)`` appended and the oldest dropped.

    With segments it is the window at the end of each, ``(S, W, ...)``, zeros where none of its steps stand; a row's
    first goes on from the window given.

    >>> append(torch.tensor([[1, 2, 3]]), torch.tensor([[4, 5]]))
    tensor([[3, 4, 5]])
    """
    length = window.shape[1]
    if segments is None:
        newest = new[:, max(0, new.shape[1] - length) :]
        return torch.cat([window[:, newest.shape[1] :], newest.to(window.dtype)], dim=1)
    held = torch.cat([window, new.to(window.dtype)], dim=1)
    held = torch.cat([held.flatten(0, 1), held.new_zeros(1, *held.shape[2:])])
    places = (segments.ends + (segments.rows + 1) * length + 1).unsqueeze(1) + torch.arange(
        -length, 0, device=new.device
    )
    first = torch.where(segments.starts > 0, segments.first + (segments.rows + 1) * length, 0).unsqueeze(1)
    chosen = places.masked_fill(places < first, len(held) - 1)
    return held.index_select(0, chosen.flatten()).unflatten(0, chosen.shape)


Run = Callable[[State, State], tuple[Tensor, State]]
"""``(x (B, T, ...), state of B rows) -> (y (B, T, ...), state after)``, of any batch and time"""


def segment_by_segment(run: Run, x: State, state: State, segments: Segments) -> tuple[Tensor, State]:
    """``run`` of all segments, each as a row of its own: so that resets are nothing to it.

    Pieces of the same length are run as one batch, and segments are made of pieces as their lengths are of powers of
    two. That are log2 T + 1 calls at most, however many resets there are, and no step is run twice or for nothing.

    Args:
        run: of whole rows.
        x: ``(B, T, ...)``, one tensor or a tree of them.
        state: before each segment, S rows.
        segments: of the rows.

    Returns:
        ``(B, T, ...)`` and the state after each segment.
    """
    plan = segments.plan
    waiting: list[list[State]] = [[] for _ in plan.start.sizes]

    def hand_on(states: State, to: Handover) -> None:
        for queue, part in zip(waiting, tree.split(tree.take(states, to.order), to.sizes), strict=False):
            queue.append(part)

    hand_on(state, plan.start)
    in_order = tree.map(lambda leaf: leaf.flatten(0, 1).index_select(0, plan.steps), x)
    parts, outputs = tree.split(in_order, [pieces.rows << pieces.digit for pieces in plan.rounds]), []
    for pieces, part in zip(plan.rounds, parts, strict=True):
        rows = tree.map(lambda leaf, n=pieces.rows: leaf.unflatten(0, (n, -1)), part)
        y, after = run(rows, tree.cat(waiting[pieces.digit + 1]))
        hand_on(after, pieces.onward)
        outputs.append(y.flatten(0, 1))
    y = torch.cat(outputs).index_select(0, plan.steps.argsort())
    return y.unflatten(0, (segments.batch, segments.time)), tree.take(tree.cat(waiting[0]), plan.back)
