"""Segments of rows, and what an operation makes of them, by running each alone."""

from collections.abc import Callable, Sequence

import torch

from statewise import tree
from statewise.contract.segments import Segments
from statewise.tree import State


def segments_of(rows: int, time: int) -> Segments:
    """A row that begins anew once, one at every step, one at its last, the others not."""
    reset = torch.zeros(rows, time, dtype=torch.bool)
    reset[1, 4] = reset[2, :] = reset[3, -1] = True
    return Segments(reset)


def one_by_one(
    run: Callable[..., tuple[torch.Tensor, State]], sequences: Sequence[torch.Tensor], state: State, segments: Segments
) -> tuple[torch.Tensor, State]:
    """``run(*sequences, state)`` of one segment after the other; all but a row's first begin with zeros."""
    outputs: dict[int, list[torch.Tensor]] = {}
    after = {}
    for row, start, steps in zip(
        segments.rows.tolist(), segments.starts.tolist(), segments.lengths.tolist(), strict=True
    ):
        own = tree.map(lambda leaf, row=row: leaf[row : row + 1], state)
        before = tree.map(torch.zeros_like, own) if start else own
        y, after[row] = run(*(x[row : row + 1, start : start + steps] for x in sequences), before)
        outputs.setdefault(row, []).append(y)
    return torch.cat([torch.cat(parts, dim=1) for parts in outputs.values()]), tree.cat(list(after.values()))
