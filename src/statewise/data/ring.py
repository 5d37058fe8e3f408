"""Several series as batches: streams around a ring in training, stretches side by side in scoring."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from statewise.data.streams import Window

FEWEST_WINDOWS = 4
"""Windows that a stream is carried over at least"""


class Streams(NamedTuple):
    """How training goes around a ring."""

    rows: int
    """Streams side by side, at equal distances"""
    length: int
    """Places of a window"""
    windows: int
    """For how many windows streams go on, before they begin anew elsewhere"""


def plan_streams(lengths: Sequence[int], *, batch_size: int, chunk: int) -> Streams:
    """Streams around the ring of all places: at most ``batch_size``, and no two at one place at a time.

    In an epoch each goes at least as far as the next one began, so that every place is seen, and where that is hardly a
    window further, over what others saw before it: on a small table, too, a state is carried on.

    Args:
        lengths: places of each series.
        batch_size: most rows of a batch.
        chunk: most places of a window.

    >>> plan_streams([10_000], batch_size=32, chunk=64), plan_streams([300], batch_size=32, chunk=64)
    (Streams(rows=32, length=64, windows=5), Streams(rows=4, length=64, windows=4))
    >>> plan_streams([50], batch_size=32, chunk=64)
    Streams(rows=1, length=50, windows=4)
    """
    rows = min(batch_size, most_streams(lengths, chunk=chunk))
    share = sum(lengths) // rows
    length = min(chunk, share)
    return Streams(rows, length, max(FEWEST_WINDOWS, windows_around(lengths, rows=rows, length=length)))


def most_streams(lengths: Sequence[int], *, chunk: int) -> int:
    """How many streams there is room for, whatever the batch size.

    >>> most_streams([300], chunk=64), most_streams([300, 300], chunk=64)
    (4, 9)
    """
    return max(1, sum(lengths) // chunk)


def windows_around(lengths: Sequence[int], *, rows: int, length: int) -> int:
    """How many windows of streams side by side go around the ring once.

    >>> windows_around([300], rows=4, length=64), windows_around([100], rows=1, length=64)
    (2, 2)
    """
    return -(-sum(lengths) // (rows * length))


def ring_window(index: int, *, firsts: Tensor, lengths: Tensor, streams: Streams, seed: int) -> Window:
    """Window ``index`` of an endless training on several series, whose places are joined to a ring.

    In each epoch the series follow each other in another order and the ring is turned, so that cuts fall elsewhere and
    each place is as likely to be seen as any other. Where a series begins in a row, it begins anew.

    Args:
        index: which window, from 0.
        firsts: ``(S,)`` int64, the first place of each series.
        lengths: ``(S,)`` int64, how many it has.
        streams: of ``plan_streams``.
        seed: of the epochs.
    """
    total = int(lengths.sum())
    epoch, within = divmod(index, streams.windows)
    generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    order = torch.randperm(len(lengths), generator=generator)
    turned = int(torch.randint(total, (), generator=generator)) + within * streams.length
    begun = torch.arange(streams.rows).unsqueeze(1) * total // streams.rows
    around = (turned + begun + torch.arange(streams.length)) % total
    ends = lengths[order].cumsum(dim=0)
    slot = torch.searchsorted(ends, around, right=True)
    inside = around - (ends - lengths[order])[slot]
    anew = inside == 0
    begins = anew[:, 0] | (within == 0)
    anew[:, 0] = False
    return Window(firsts[order[slot]] + inside, begins, anew if bool(anew.any()) else None)


class Stretch(NamedTuple):
    """Places of one series that are scored, and those before them from which a model comes to them warm."""

    first: int
    scored: int
    end: int


def scoring_batches(stretches: Sequence[Stretch], *, rows: int, length: int) -> Iterator[tuple[Window, Tensor]]:
    """Windows over stretches side by side, each as far as it goes, and ``(B, length)`` bool: which places count.

    Stretches of like lengths stand beside each other. Past its end a row repeats its last place, which does not count.

    Args:
        stretches: what is scored.
        rows: most of a batch.
        length: most places of a window.
    """
    longest_first = sorted(stretches, key=lambda stretch: stretch.first - stretch.end)
    for group in range(0, len(longest_first), rows):
        firsts, scored, ends = torch.tensor(longest_first[group : group + rows]).unsqueeze(2).unbind(1)
        for steps in torch.arange(int((ends - firsts).max())).split(length):
            places = firsts + steps
            begins = torch.full((len(firsts),), int(steps[0]) == 0)
            yield Window(places.minimum(ends - 1), begins), (places >= scored) & (places < ends)
