"""Sequences that are drawn dealt out among training, validation and test, so that none stands in two of them."""

from collections.abc import Callable

import torch
from torch import Tensor

BUCKETS = 8
SPLITS = {"train": (0, 1, 2, 3, 4, 5), "valid": (6,), "test": (7,)}
"""Into which of the buckets a content may hash to belong to each split"""

SMALL_SPACE = 2**12
"""Where there are fewer different contents than this, sharing them out would leave splits without any"""

MOST_DRAWS = 100
"""Draws after which contents of a split are given up; four are usual"""


def seeded(seed: int, split: str, index: int) -> torch.Generator:
    """The generator of one batch; different for every seed, split and index."""
    place = list(SPLITS).index(split)
    mixed = (seed * 6364136223846793005 + index * 1442695040888963407 + place * 2862933555777941757 + 1) % 2**63
    return torch.Generator().manual_seed(mixed ^ (mixed >> 29))


def draw_of_split(draw: Callable[[int], Tensor], split: str, rows: int, *, different: float) -> Tensor:
    """Contents ``(rows, K)`` that belong to ``split``: a content's hash says to which split it belongs.

    Args:
        draw: makes that many random contents; it is asked for more than are kept. Real numbers are taken as they come,
            as no two draws of them are alike.
        split: ``train``, ``valid`` or ``test``.
        rows: how many are wanted.
        different: how many different contents there are (``GeneratedTask.different``); below 4,096 splits share them.

    Raises:
        RuntimeError: if hardly any content belongs to the split, there being fewer than ``different`` says.
    """
    kept = [draw(0)]
    if different < SMALL_SPACE or kept[0].is_floating_point():
        return draw(rows)
    missing = rows
    for _ in range(MOST_DRAWS):
        if missing == 0:
            return torch.cat(kept)
        contents = draw(BUCKETS * missing // len(SPLITS[split]) + BUCKETS)
        kept.append(contents[_belongs(contents, split)][:missing])
        missing -= len(kept[-1])
    raise RuntimeError(
        f"{MOST_DRAWS} draws held no {rows} contents of the {split} split; say with different() how few there are"
    )


def _belongs(contents: Tensor, split: str) -> Tensor:
    """Which rows of ``contents (n, K)`` hash into a bucket of ``split``: by a sum with odd factors mod 2^64, mixed."""
    factors = _mix(torch.arange(1, contents.shape[1] + 1) * 0x5851F42D4C957F2D) | 1
    mixed = _mix(((contents + 1) * factors).sum(dim=1))
    return torch.isin(mixed % BUCKETS, torch.tensor(SPLITS[split]))


def _mix(numbers: Tensor) -> Tensor:
    """Every bit of an int64 made to depend on every other (Stafford's mixer of splitmix64)."""
    numbers = (numbers ^ (numbers >> 30)) * -0x40A7B892E31B1A47
    numbers = (numbers ^ (numbers >> 27)) * -0x6B2FB644ECCEEE15
    return numbers ^ (numbers >> 31)
