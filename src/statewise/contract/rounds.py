"""Rounds: sequences of many lengths, run in a few batches of pieces that are as long as each other.

A sequence is made of pieces as its length is of powers of two, the longest first: 13 steps are 8, then 4, then 1. So
there are log2 T + 1 rounds at most, and no step is run twice or for nothing. Letters: B rows, T steps, S segments.
"""

from typing import NamedTuple

import torch
from torch import Tensor


class Handover(NamedTuple):
    """Where the states of segments go after a round: to the round of the next digit of their length that is 1."""

    order: Tensor
    """(n,) rows of the round, first those that are done, then those that go on with digit 0, with digit 1, ...; without
    those that are done and end no row, whose states nobody reads"""
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
    """Of the first segments of all rows, then of those that begin anew"""
    rounds: list[Round]
    steps: Tensor
    """(B T,) all steps, counted through all rows, in the order in which the rounds take them"""
    back: Tensor
    """(B,) where the last segment of each row stands among those that are done"""


def plan_rounds(first: Tensor, lengths: Tensor, fresh: Tensor, ends_row: Tensor) -> Plan:
    """For the segments of some rows, in their order.

    Args:
        first: ``(S,)`` the first step of each, counted through all rows.
        lengths: ``(S,)``.
        fresh: ``(S,)`` bool: which begin anew inside of a row.
        ends_row: ``(S,)`` bool: which are the last of a row.

    >>> both = torch.tensor([True, True])
    >>> plan = plan_rounds(torch.tensor([0, 3]), torch.tensor([3, 3]), ~both, both)
    >>> [(pieces.rows, 1 << pieces.digit) for pieces in plan.rounds], plan.steps.tolist()
    ([(2, 2), (2, 1)], [0, 1, 3, 4, 2, 5])
    """
    digits = int(lengths.max()).bit_length()
    waiting: list[list[Tensor]] = [[] for _ in range(digits + 1)]

    def hand_on(having: Tensor, digit: int) -> Handover:
        left = lengths[having] & ((1 << digit) - 1)
        read = (left > 0) | ends_row[having]
        place = torch.where(read, torch.frexp(left.double()).exponent.long(), digit + 1)
        *sizes, unread = place.bincount(minlength=digit + 2).tolist()
        order = place.argsort(stable=True)[: len(having) - unread]
        for queue, part in zip(waiting, having[order].split(sizes), strict=False):
            queue.append(part)
        return Handover(order, sizes)

    opening_first = torch.cat([(~fresh).nonzero().squeeze(1), fresh.nonzero().squeeze(1)])
    start, rounds, steps = hand_on(opening_first, digits), [], []
    for digit in reversed(range(digits)):
        having = torch.cat(waiting[digit + 1])
        if len(having):
            begun = first[having] + (lengths[having] >> digit + 1 << digit + 1)
            steps.append((begun.unsqueeze(1) + torch.arange(1 << digit, device=begun.device)).flatten())
            rounds.append(Round(digit, len(having), hand_on(having, digit)))
    return Plan(start, rounds, torch.cat(steps), torch.cat(waiting[0]).argsort())
