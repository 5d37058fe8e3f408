"""Endless data as batches of contiguous streams, each batch a pure function of its number."""

from typing import NamedTuple

import torch
from torch import Tensor


class Window(NamedTuple):
    """A stretch of every stream: row r covers the places ``starts[r] ... starts[r] + length - 1`` of the data."""

    places: Tensor
    """(B, length) int64"""
    begins: Tensor
    """(B,) bool: whether the row does not go on from the window before"""
    resets: Tensor | None = None
    """(B, length) bool: at which later steps a row begins anew; None = at none"""


def training_window(index: int, *, total: int, rows: int, length: int, seed: int) -> Window:
    """Window ``index`` of an endless training: ``rows`` streams side by side over ``total`` places, epoch after epoch.

    Each epoch begins at another offset, so that the cuts fall elsewhere; within an epoch each place is seen at most
    once, in order.

    Args:
        index: which window, from 0.
        total: places in the data; at least ``rows * length``.
        rows: streams, B.
        length: places a window.
        seed: of the epochs' offsets.
    """
    share = total // rows
    per_epoch = max(1, share // length)
    epoch, within = divmod(index, per_epoch)
    slack = share - per_epoch * length
    generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    offset = int(torch.randint(slack + 1, (), generator=generator)) if slack > 0 else 0
    first = torch.arange(rows).unsqueeze(1) * share + offset + within * length
    return Window(first + torch.arange(length), torch.full((rows,), within == 0))


def scoring_windows(*, total: int, rows: int, length: int) -> list[Window]:
    """Windows that cover ``rows * (total // rows)`` places once each, in order, carried from one to the next.

    The last window of a stream may be shorter.
    """
    share = total // rows
    first = torch.arange(rows).unsqueeze(1) * share
    windows = []
    for start in range(0, share, length):
        steps = torch.arange(start, min(share, start + length))
        windows.append(Window(first + steps, torch.full((rows,), start == 0)))
    return windows
