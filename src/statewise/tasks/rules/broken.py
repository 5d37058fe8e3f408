"""How a broken rule of a task is reported, and how batches are compared."""

from collections.abc import Iterable

import torch
from torch import Tensor

from statewise import tree
from statewise.contract import Input
from statewise.tasks.batch import Batch


class TaskBroken(AssertionError):
    """A task breaks a rule; the message names the rule and the place."""

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(f"rule '{rule}': {' '.join(message.split())}")
        self.rule = rule


def demand(rule: str, holds: bool, message: str) -> None:
    """Raise ``TaskBroken`` unless something holds."""
    if not holds:
        raise TaskBroken(rule, message)


def demand_same(rule: str, place: str, one: Batch, other: Batch) -> None:
    """Raise ``TaskBroken`` unless two batches are the same, field by field."""
    for name, first, second in zip(Batch._fields, one, other, strict=True):
        demand(rule, alike(first, second), f"{place}: {name} differs")


def alike(one: Input | None, other: Input | None) -> bool:
    """Whether two fields of batches are the same: shapes, types and values."""
    if one is None or other is None:
        return one is other
    leaves, others = tree.leaves(one), tree.leaves(other)
    return len(leaves) == len(others) and all(
        a.dtype == b.dtype and torch.equal(a, b) for a, b in zip(leaves, others, strict=True)
    )


def sequences(batches: Iterable[Batch]) -> set[bytes]:
    """The inputs of every row, as bytes that can be compared."""
    return {row.contiguous().numpy().tobytes() for batch in batches for row in batch.values}


def shape_of(tensor: Tensor) -> str:
    """Shape and type, for messages."""
    return f"{tuple(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"
