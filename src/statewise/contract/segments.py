"""Segments: a row that is reset inside is several rows, one after the other in memory.

A reset empties a row's state, so nothing passes from the steps before it to those after it. Letters: B rows, T steps, S
segments.
"""

from collections.abc import Callable
from functools import cached_property

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
        first = self.rows * self.time + self.starts
        self.ends = torch.cat([first[1:], first.new_tensor([reset.numel()])]) - 1
        """(S,) the last step of each, counted through all rows"""
        self.lengths = self.ends + 1 - first
        """(S,) steps"""
        self.emptied = reset[self.rows, self.starts]
        """(S,) whether it begins with a reset; otherwise it goes on from the state of its row"""
        self.last = begins.sum(dim=1).cumsum(dim=0) - 1
        """(B,) the segment that each row ends with"""

    def __len__(self) -> int:
        return len(self.rows)

    def before(self, state: State, initial: State) -> State:
        """The state before each segment, S rows: from ``state`` of B rows, or where it begins anew from ``initial``."""
        going_on = (~self.emptied).nonzero().squeeze(1)
        return tree.put(tree.pad_like(initial, state), going_on, tree.take(state, self.rows[going_on]))

    @cached_property
    def pieces(self) -> tuple[list[tuple[int, Tensor]], Tensor]:
        """The segments by the binary digits of their lengths, the highest first: one of 13 steps is 8, then 4, then 1.

        Returns:
            The steps of each kind of piece, and the segments ``(n,)`` that have one; and all steps ``(B T,)``, counted
            through all rows, in the order in which the pieces follow one another.
        """
        first, found, order = self.ends + 1 - self.lengths, [], []
        for digit in reversed(range(int(self.lengths.max()).bit_length())):
            having = (self.lengths >> digit & 1).nonzero().squeeze(1)
            if len(having):
                begun = first[having] + (self.lengths[having] >> digit + 1 << digit + 1)
                order.append((begun.unsqueeze(1) + torch.arange(1 << digit, device=begun.device)).flatten())
                found.append((1 << digit, having))
        return found, torch.cat(order)


def last_steps(sequence: Tensor, segments: Segments | None) -> Tensor:
    """What stands in ``(B, T, ...)`` at the last step of each segment ``(S, ...)``, or without segments of each row."""
    if segments is None:
        return sequence[:, -1].clone()
    return sequence.flatten(0, 1).index_select(0, segments.ends)


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
    pieces, order = segments.pieces
    in_order = tree.map(lambda leaf: leaf.flatten(0, 1).index_select(0, order), x)
    outputs = []
    for (steps, which), part in zip(
        pieces, tree.split(in_order, [steps * len(which) for steps, which in pieces]), strict=True
    ):
        rows = tree.map(lambda leaf, steps=steps: leaf.unflatten(0, (-1, steps)), part)
        y, after = run(rows, tree.take(state, which))
        state = tree.put(state, which, after)
        outputs.append(y.flatten(0, 1))
    y = torch.cat(outputs).index_select(0, order.argsort())
    return y.unflatten(0, (segments.batch, segments.time)), state
