"""Several series as batches: streams around a ring in training, stretches side by side in scoring."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from statewise.data.streams import Window

WINDOWS_A_STREAM = 4
"""Windows of training that a stream is to hold at least: the state is carried from each to the next"""


class Streams(NamedTuple):
    """How many rows go around the ring, and how many places of it they cover at once."""

    rows: int
    length: int


def plan_streams(lengths: Sequence[int], *, batch_size: int, chunk: int) -> Streams:
    """Streams around the ring of all places: at most ``batch_size``, and no more than are worth it.

    A stream that is too short carries no state, or hardly any, so a small table is gone through in fewer, longer ones:
    of ``WINDOWS_A_STREAM`` windows each, or as long as the longest series. Windows are of at most ``chunk`` places, and
    so much shorter that few are left over.

    Args:
        lengths: places of each series.
        batch_size: most rows of a batch.
        chunk: most places of a window.

    >>> plan_streams([10_000], batch_size=32, chunk=64), plan_streams([300], batch_size=32, chunk=64)
    (Streams(rows=32, length=62), Streams(rows=1, length=60))
    >>> plan_streams([50] * 100, batch_size=32, chunk=64)
    Streams(rows=32, length=52)
    """
    rows = min(batch_size, most_streams(lengths, chunk=chunk))
    share = sum(lengths) // rows
    return Streams(rows, share // math.ceil(share / chunk))


def most_streams(lengths: Sequence[int], *, chunk: int) -> int:
    """How many streams are worth it, whatever the batch size; see ``plan_streams``.

    >>> most_streams([300], chunk=64), most_streams([300, 300], chunk=64)
    (1, 2)
    """
    return max(1, sum(lengths) // max(chunk, min(WINDOWS_A_STREAM * chunk, max(lengths))))


def windows_of_an_epoch(lengths: Tensor, streams: Streams) -> int:
    """How many windows go around the ring once.

    >>> windows_of_an_epoch(torch.tensor([300]), Streams(rows=1, length=60))
    5
    """
    return int(lengths.sum()) // streams.rows // streams.length


def ring_window(index: int, *, firsts: Tensor, lengths: Tensor, streams: Streams, seed: int) -> Window:
    """Window ``index`` of an endless training on several series, whose places are joined to a ring.

    In each epoch the series follow each other in another order and the ring is turned, so that cuts fall elsewhere and
    each place is as likely to be seen as any other, at most once; rows are equal shares of the ring. Where a series
    begins in a row, it begins anew.

    Args:
        index: which window, from 0.
        firsts: ``(S,)`` int64, the first place of each series.
        lengths: ``(S,)`` int64, how many it has.
        streams: of ``plan_streams``.
        seed: of the epochs.
    """
    total, share = int(lengths.sum()), int(lengths.sum()) // streams.rows
    epoch, within = divmod(index, windows_of_an_epoch(lengths, streams))
    generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    order = torch.randperm(len(lengths), generator=generator)
    turned = int(torch.randint(total, (), generator=generator)) + within * streams.length
    around = (turned + torch.arange(streams.rows).unsqueeze(1) * share + torch.arange(streams.length)) % total
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
