"""Streams around a ring of several series: every place as often as any, nothing carried from one series to another."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from statewise.data.ring import Stretch, plan_streams, ring_window, scoring_batches
from statewise.data.streams import Window

LENGTHS = st.lists(st.integers(1, 90), min_size=1, max_size=6)


def laid_out(lengths: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """First places and lengths of series with seven places between them that are not for training."""
    sizes = torch.tensor(lengths)
    return (sizes + 7).cumsum(0) - sizes, sizes


def epoch_of(lengths: list[int], epoch: int, *, batch_size: int, chunk: int, seed: int = 3) -> list[Window]:
    firsts, sizes = laid_out(lengths)
    streams = plan_streams(lengths, batch_size=batch_size, chunk=chunk)
    numbers = range(epoch * streams.windows, (epoch + 1) * streams.windows)
    return [ring_window(k, firsts=firsts, lengths=sizes, streams=streams, seed=seed) for k in numbers]


@settings(deadline=None)
@given(LENGTHS, st.integers(1, 9), st.integers(1, 40), st.integers(0, 5))
def test_streams_go_on_inside_a_series_and_begin_anew_with_another(lengths, batch_size, chunk, epoch):
    firsts, sizes = laid_out(lengths)
    windows = epoch_of(lengths, epoch, batch_size=batch_size, chunk=chunk)
    places = torch.cat([window.places for window in windows], dim=1)
    none = torch.zeros(windows[0].places.shape, dtype=torch.bool)
    anew = torch.cat([none if window.resets is None else window.resets for window in windows], dim=1)
    for k, window in enumerate(windows):
        assert window.places.shape[1] <= chunk
        assert len(window.places.unique()) == window.places.numel()
        anew[:, k * none.shape[1]] |= window.begins
    assert bool(anew[:, 0].all())
    inside = (places.flatten().unsqueeze(1) >= firsts) & (places.flatten().unsqueeze(1) < firsts + sizes)
    assert bool(inside.any(dim=1).all())
    assert len(places.unique()) == sum(lengths)
    goes_on = places[:, 1:] == places[:, :-1] + 1
    assert bool((goes_on | anew[:, 1:]).all())
    assert bool(torch.isin(places[:, 1:][anew[:, 1:]], firsts).all())


def test_every_place_is_as_likely_to_be_seen_as_any_other():
    seen = torch.zeros(60 + 14)
    for epoch in range(400):
        for window in epoch_of([23, 37], epoch, batch_size=2, chunk=8):
            seen[window.places.flatten()] += 1
    _, sizes = laid_out([23, 37])
    counts = torch.cat([seen[7:30], seen[37:74]])
    assert counts.sum() == seen.sum()
    assert len(counts) == int(sizes.sum())
    assert counts.min() > 0.9 * counts.max(), counts


def test_on_a_small_table_streams_go_on_for_several_windows():
    windows = epoch_of([70], 1, batch_size=32, chunk=64)
    assert [bool(window.begins.all()) for window in windows] == [True, False, False, False]
    places = torch.cat([window.places.flatten() for window in windows])
    assert torch.equal(places - 7, (places[0] - 7 + torch.arange(4 * 64)) % 70)


def test_a_window_is_a_function_of_its_number_and_epochs_differ():
    first, again = (epoch_of([50, 60], 2, batch_size=4, chunk=5)[1] for _ in range(2))
    assert torch.equal(first.places, again.places)
    starts = {int(epoch_of([50, 60], epoch, batch_size=4, chunk=5)[0].places[0, 0]) for epoch in range(12)}
    assert len(starts) > 6


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 12), st.integers(1, 30)), min_size=1, max_size=7), st.integers(1, 4))
def test_every_stretch_is_scored_once_from_its_own_warm_up(sizes, rows):
    stretches, first = [], 5
    for warm, scored in sizes:
        stretches.append(Stretch(first, first + warm, first + warm + scored))
        first += warm + scored + 3
    scored, carried = [], torch.tensor([])
    for window, counts in scoring_batches(stretches, rows=rows, length=8):
        if bool(window.begins.all()):
            assert {int(place) for place in window.places[:, 0]} <= {stretch.first for stretch in stretches}
        else:
            assert bool((window.places[:, 0] - carried <= 1).all())
        carried = window.places[:, -1]
        scored.extend(window.places[counts].tolist())
    wanted = [place for stretch in stretches for place in range(stretch.scored, stretch.end)]
    assert sorted(scored) == wanted
