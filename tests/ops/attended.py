"""Queries, keys and values of three rows that have seen less and more, and segments of them."""

import torch

from statewise.contract.segments import Segments

ROWS, HEADS, WIDTH = 3, 2, 4
COUNTS = torch.tensor([0, 2, 1000])
"""Steps that the rows have seen: a fresh one beside a warm one beside one whose window is long since full"""


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def example(time: int, past: int) -> list[torch.Tensor]:
    return [
        normal(ROWS, time, HEADS, WIDTH, seed=1),
        normal(ROWS, past + time, HEADS, WIDTH, seed=2),
        normal(ROWS, past + time, HEADS, WIDTH, seed=3),
    ]


def cut(time: int) -> Segments:
    """The first row from its first step on and a step later again, the second once, the third not at all."""
    reset = torch.zeros(ROWS, time, dtype=torch.bool)
    reset[0, [0, 1, time // 2]] = reset[1, time - 2] = True
    return Segments(reset)
