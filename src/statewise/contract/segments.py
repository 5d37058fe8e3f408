"""Segments: a row that is reset inside is several rows, one after the other in memory.

A reset empties a row's state, so nothing passes from the steps before it to those after it. Letters: B rows, T steps, S
segments.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch._C._functorch import peek_interpreter_stack

from statewise import tree
from statewise.contract.rounds import Handover, Plan, plan_rounds
from statewise.tree import State

Marks = np.ndarray[Any, np.dtype[np.bool_]]


class Segments:
    """What resets cut the rows of a sequence into: row by row, and in the order of time within a row.

    A row's first segment goes on from the state of the row, the others begin anew; what comes after a row is the state
    that its last one ends with.

    Args:
        reset: ``(B, T)`` bool, T >= 1. Where it is true a segment begins, and at the first step of each row.

    >>> segments = Segments(torch.tensor([[False, False, True], [True, False, False]]))
    >>> segments.rows.tolist(), segments.starts.tolist(), segments.lengths.tolist()
    ([0, 0, 1], [0, 2, 0], [2, 1, 3])
    """

    def __init__(self, reset: Tensor) -> None:
        self.batch, self.time = reset.shape
        self._device = reset.device
        self.marks = _read(reset)
        """(B, T) ``anew`` as an array, which loops read"""
        given = int(np.count_nonzero(self.marks))
        self.marks[:, 0] = False
        self.later = int(np.count_nonzero(self.marks))
        """How many begin anew inside of rows"""
        self.opening = given > self.later
        """Whether any row was reset before its first step"""

    def __len__(self) -> int:
        return self.batch + self.later

    @cached_property
    def anew(self) -> Tensor:
        """(B, T) where a row begins anew, its first step aside."""
        return torch.from_numpy(self.marks).to(self._device)

    @cached_property
    def by_step(self) -> Tensor:
        """(T, B) ``anew``, step by step."""
        return self.anew.t().contiguous()

    @cached_property
    def first(self) -> Tensor:
        """(S,) the first step of each, counted through all rows."""
        begins = self.anew.clone()
        begins[:, 0] = True
        return begins.flatten().nonzero().squeeze(1)

    @cached_property
    def rows(self) -> Tensor:
        """(S,) the row of each."""
        return self.first // self.time

    @cached_property
    def starts(self) -> Tensor:
        """(S,) the first step of each in its row."""
        return self.first - self.rows * self.time

    @cached_property
    def lengths(self) -> Tensor:
        """(S,) steps."""
        return torch.cat([self.first[1:], self.first.new_tensor([self.batch * self.time])]) - self.first

    @property
    def few(self) -> bool:
        """Whether a loop over time has fewer steps to take than one over segments as rows, as their ``plan`` has it."""
        return 2 * int(self.lengths.max()) > self.time

    def beginning(self, step: int) -> tuple[Tensor, Tensor]:
        """The rows that begin anew before a step, and which of the ``later`` segments, row by row, they begin there.

        >>> Segments(torch.tensor([[False, True, True], [False, False, True]])).beginning(2)
        (tensor([0, 1]), tensor([1, 2]))
        """
        rows = self.marks[:, step].nonzero()[0]
        which = self._numbers[rows, step]
        return torch.from_numpy(rows).to(self._device), torch.from_numpy(which).to(self._device)

    @cached_property
    def _numbers(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """(B, T) where a segment begins anew, which of those that do it is."""
        return self.marks.cumsum(dtype=np.int64).reshape(self.marks.shape) - 1

    @cached_property
    def origins(self) -> Tensor:
        """(B, T) the first step of the segment that each step belongs to.

        >>> Segments(torch.tensor([[False, False, True, False]])).origins
        tensor([[0, 0, 2, 2]])
        """
        origins = np.maximum.accumulate(self.marks * np.arange(self.time), axis=1)
        return torch.from_numpy(origins).to(self._device)

    @property
    def last(self) -> Tensor:
        """(B,) the first step of the segment that each row ends with."""
        return self.origins[:, -1]

    def spread(self, numbers: Tensor) -> Tensor:
        """``(B, T)``: at each step the number of its segment, of ``(S,)``.

        >>> Segments(torch.tensor([[False, False, True]])).spread(torch.tensor([5, 7])).tolist()
        [[5, 5, 7]]
        """
        return numbers.repeat_interleave(self.lengths).view(self.batch, self.time)

    def fill(self, x: Tensor, value: float = 0.0) -> Tensor:
        """``x (B, T, ...)`` with this number in place of all that stands at steps before which a row begins anew.

        >>> Segments(torch.tensor([[False, False, True]])).fill(torch.ones(1, 3))
        tensor([[1., 1., 0.]])
        """
        return x.index_put(self._begins, x.new_tensor(value))

    @cached_property
    def _begins(self) -> tuple[Tensor, Tensor]:
        rows, steps = self.anew.nonzero(as_tuple=True)
        return rows, steps

    def told(self, rows: Tensor, anew: Tensor) -> Tensor:
        """``(B, T)``: at each step the number of its segment: of ``rows (B,)`` where that is a row's first, else of the
        ``later`` numbers ``anew``, one a segment, row by row.

        >>> Segments(torch.tensor([[False, False, True]])).told(torch.tensor([5]), torch.tensor([7])).tolist()
        [[5, 5, 7]]
        """
        return self.spread(rows[self.rows].masked_scatter(self.starts > 0, anew))

    def begun(self, steps: Tensor) -> Tensor:
        """``(B, T)``: at which step of this sequence what a step belongs to began, in rows that had seen some before.

        >>> Segments(torch.tensor([[False, False, True]])).begun(torch.tensor([4])).tolist()
        [[-4, -4, 2]]
        """
        return torch.where(self.origins > 0, self.origins, -steps.unsqueeze(1))

    def counted(self, steps: Tensor) -> Tensor:
        """``(B,)``: how many steps each row has seen at its end, of rows that had seen so many before.

        >>> Segments(torch.tensor([[False, False, True], [False] * 3])).counted(torch.tensor([4, 4])).tolist()
        [1, 7]
        """
        return self.time - torch.where(self.last > 0, self.last, -steps)

    @cached_property
    def spans(self) -> Tensor:
        """(S, 3): of each its row, its first step and the step after the last."""
        return torch.stack([self.rows, self.starts, self.starts + self.lengths], dim=1)

    @cached_property
    def plan(self) -> Plan:
        """How to run them as rows of their own."""
        ends_row = self.first + self.lengths == (self.rows + 1) * self.time
        return plan_rounds(self.first, self.lengths, self.starts > 0, ends_row)


def _read(reset: Tensor) -> Marks:
    """A copy as an array; number by number inside a transform of ``torch.func``, where tensors show no memory."""
    if peek_interpreter_stack() is None:
        return reset.numpy(force=True).copy()
    return np.array(reset.tolist(), dtype=np.bool_).reshape(reset.shape)


def marks(segments: Segments | None, like: Tensor) -> Tensor:
    """``(T, B)`` bool: before which steps a row begins anew; where none does, ``(0, B)`` for ``like (T, B, ...)``."""
    if segments is None:
        return torch.empty(0, like.shape[1], dtype=torch.bool, device=like.device)
    return segments.by_step


def emptied(x: Tensor, where: Tensor) -> Tensor:
    """``x`` with zeros at ``where``, bool, of its first axes; a few numbers cost less than a mask of all.

    >>> emptied(torch.ones(2, 2), torch.tensor([False, True]))
    tensor([[1., 1.],
            [0., 0.]])
    """
    numbers = where.flatten().nonzero().squeeze(1)
    return x.flatten(0, where.dim() - 1).index_fill(0, numbers, 0).view_as(x) if len(numbers) else x


def checked_reset(reset: Tensor, batch: int, time: int) -> Tensor:
    """``reset``, or a ``ValueError`` where it is not ``(B, T)`` bool."""
    if reset.shape != (batch, time) or reset.dtype != torch.bool:
        raise ValueError(f"reset must be bool {(batch, time)}, got {reset.dtype} {tuple(reset.shape)}")
    return reset


def append(window: Tensor, new: Tensor, segments: Segments | None = None) -> Tensor:
    """A time-ordered window ``(B, W, ...)`` with the steps ``new (B, T, ...)`` appended and the oldest dropped.

    With segments there are zeros in it where what stood there is from before a row's last one.

    >>> append(torch.tensor([[1, 2, 3]]), torch.tensor([[4, 5]]))
    tensor([[3, 4, 5]])
    >>> append(torch.tensor([[1, 2, 3]]), torch.tensor([[4, 5]]), Segments(torch.tensor([[False, True]])))
    tensor([[0, 0, 5]])
    """
    length, time = window.shape[1], new.shape[1]
    newest = new[:, max(0, time - length) :]
    after = torch.cat([window[:, newest.shape[1] :], newest.to(window.dtype)], dim=1)
    if segments is None:
        return after
    begun = segments.last.unsqueeze(1)
    gone = (begun > 0) & (torch.arange(time - length, time, device=new.device) < begun)
    return emptied(after, gone)


Run = Callable[[State, State], tuple[Tensor, State]]
"""``(x (B, T, ...), state of B rows) -> (y (B, T, ...), state after)``, of any batch and time"""


def segment_by_segment(
    run: Run, x: State, state: State, segments: Segments, anew: State | None = None
) -> tuple[Tensor, State]:
    """``run`` of all segments, each as a row of its own: so that resets are nothing to it.

    Pieces of the same length are run as one batch, and segments are made of pieces as their lengths are of powers of
    two. That are log2 T + 1 calls at most, however many resets there are, and no step is run twice or for nothing.

    Args:
        run: of whole rows.
        x: ``(B, T, ...)``, one tensor or a tree of them.
        state: before each row.
        segments: of the rows.
        anew: what the segments that begin anew begin with, ``segments.later`` rows; ``None`` for zeros.

    Returns:
        ``(B, T, ...)`` and the state after each row.
    """
    plan = segments.plan
    waiting: list[list[State]] = [[] for _ in plan.start.sizes]
    if anew is None:
        anew = tree.map(lambda leaf: leaf.new_zeros(segments.later, *leaf.shape[1:]), state)

    def hand_on(states: State, to: Handover) -> None:
        for queue, part in zip(waiting, tree.split(tree.take(states, to.order), to.sizes), strict=False):
            queue.append(part)

    hand_on(tree.cat([state, anew]), plan.start)
    in_order = tree.map(lambda leaf: leaf.flatten(0, 1).index_select(0, plan.steps), x)
    parts, outputs = tree.split(in_order, [pieces.rows << pieces.digit for pieces in plan.rounds]), []
    for pieces, part in zip(plan.rounds, parts, strict=True):
        rows = tree.map(lambda leaf, n=pieces.rows: leaf.unflatten(0, (n, -1)), part)
        y, after = run(rows, tree.cat(waiting[pieces.digit + 1]))
        hand_on(after, pieces.onward)
        outputs.append(y.flatten(0, 1))
    y = torch.cat(outputs).index_select(0, plan.steps.argsort())
    return y.unflatten(0, (segments.batch, segments.time)), tree.take(tree.cat(waiting[0]), plan.back)
