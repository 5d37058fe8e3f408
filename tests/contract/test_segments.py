"""Rows cut into segments, and whole rows run segment by segment."""

from itertools import pairwise

import pytest
import torch

from statewise import probe
from statewise.contract import SequenceLayer, Timed, Vectors
from statewise.contract.segments import Segments, append, segment_by_segment
from statewise.layers.statespace.min_gru import MinGRU

from .small import B, D, Decay, T, TimedDecay

LONG = 300


def marks(batch: int, time: int, share: float) -> torch.Tensor:
    return torch.rand(batch, time, generator=torch.Generator().manual_seed(0)) < share


def one_by_one(layer: SequenceLayer, x: torch.Tensor, reset: torch.Tensor) -> torch.Tensor:
    outputs, state = [], layer.initial_state(len(x))
    for t in range(x.shape[1]):
        fresh = layer.initial_state(len(x))
        state = torch.where(reset[:, t, None], fresh, state)
        y, state = layer.step(x[:, t], state)
        outputs.append(y)
    return torch.stack(outputs, 1)


def test_every_step_is_in_one_segment():
    reset = marks(4, 50, 0.1)
    segments = Segments(reset)
    covered = torch.zeros(4, 50, dtype=torch.int64)
    for row, start, length in zip(
        segments.rows.tolist(), segments.starts.tolist(), segments.lengths.tolist(), strict=True
    ):
        covered[row, start : start + length] += 1
        assert start == 0 or reset[row, start]
    assert bool((covered == 1).all())
    assert segments.anew[:, 1:].equal(reset[:, 1:])
    assert not segments.anew[:, 0].any()
    assert segments.later == len(segments) - 4 == segments.anew.sum()
    assert segments.last.tolist() == [max([0, *row.nonzero().flatten().tolist()]) for row in reset]


def test_steps_are_counted_from_where_a_row_began():
    reset, before = marks(4, 20, 0.2), torch.tensor([0, 3, 7, 1])
    segments = Segments(reset)
    counted, began = before.clone(), []
    for t in range(20):
        counted = torch.where(reset[:, t] & (t > 0), 0, counted)
        began.append(t - counted)
        counted = counted + 1
    assert segments.begun(before).equal(torch.stack(began, 1))
    assert segments.counted(before).equal(counted)


def test_pieces_are_the_binary_digits_of_the_lengths():
    reset = torch.zeros(1, 13 + 8 + 1, dtype=torch.bool)
    reset[0, 13] = reset[0, 21] = True
    plan = Segments(reset).plan
    assert [(pieces.digit, pieces.rows) for pieces in plan.rounds] == [(3, 2), (2, 1), (0, 2)]
    eights = [*range(8), *range(13, 21)]
    assert sorted(plan.steps[:16].tolist()) == eights
    assert plan.steps[16:20].tolist() == [*range(8, 12)]
    assert sorted(plan.steps[20:].tolist()) == [12, 21]


@pytest.mark.parametrize("begun_with", [False, True], ids=["zeros", "other states"])
@pytest.mark.parametrize("share", [0.01, 0.3, 1.0])
def test_calls_are_few_and_no_step_is_run_twice(share, begun_with):
    x, seen = torch.randn(6, LONG, D), []

    def run(rows, state):
        seen.append(rows.shape[:2])
        return rows.cumsum(1) + state.unsqueeze(1), rows.sum(1) + state

    reset = marks(6, LONG, share)
    segments = Segments(reset)
    warm, anew = torch.randn(6, D), torch.randn(segments.later, D) if begun_with else None
    y, after = segment_by_segment(run, x, warm, segments, anew)
    assert len(seen) <= 9
    assert sum(rows * steps for rows, steps in seen) == 6 * LONG
    torch.testing.assert_close(y[:, -1], after)
    h, beginnings = warm, iter(anew if begun_with else torch.zeros(segments.later, D))
    begins = {place: next(beginnings) for place in map(tuple, segments.anew.nonzero().tolist())}
    for t in range(LONG):
        h = torch.stack([begins.get((row, t), h[row]) for row in range(6)]) + x[:, t]
        torch.testing.assert_close(y[:, t], h, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("length", [0, 1, 4])
@pytest.mark.parametrize("time", [0, 1, 3, 4, 9])
def test_appending_keeps_the_newest_in_order_and_nothing_else_in_memory(length, time):
    window, new = torch.arange(2 * length).view(2, length), 100 + torch.arange(2 * time).view(2, time)
    found = append(window, new)
    assert found.tolist() == [
        (old + fresh)[len(old + fresh) - length :] for old, fresh in zip(window.tolist(), new.tolist(), strict=True)
    ]
    assert found.untyped_storage().nbytes() == found.numel() * found.element_size()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_a_window_keeps_its_dtype(dtype):
    assert append(torch.zeros(1, 2, 3), torch.zeros(1, 1, 3, dtype=dtype)).dtype == torch.float32


@pytest.mark.parametrize("length", [0, 1, 4, 30])
def test_a_window_holds_nothing_from_before_the_last_segment_of_its_row(length):
    reset = marks(4, 20, 0.2)
    reset[3] = False
    segments, new = Segments(reset), torch.arange(1.0, 81.0).view(4, 20, 1)
    window = -torch.arange(1.0, 4 * length + 1).view(4, length, 1)
    found = append(window, new, segments)
    for row, start in enumerate(segments.last.tolist()):
        before = torch.zeros(1, length, 1) if start else window[row : row + 1]
        assert torch.equal(found[row : row + 1], append(before, new[row : row + 1, start:]))


def test_a_layer_without_a_path_of_its_own_is_run_on_segments_with_gradients():
    x, reset = torch.randn(B, LONG, D, dtype=torch.float64).requires_grad_(), marks(B, LONG, 0.05)
    cotangent = torch.randn(B, LONG, D, dtype=torch.float64)
    layer = Decay().double()
    found, expected = layer(x, reset=reset)[0], one_by_one(layer, x, reset)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(torch.autograd.grad(found, x, cotangent), torch.autograd.grad(expected, x, cotangent))


def test_time_stamps_go_with_their_steps():
    x, elapsed, reset = torch.randn(B, T, D), torch.rand(B, T), marks(B, T, 0.3)
    y, _ = TimedDecay()(Timed(x, elapsed), reset=reset)
    for row in range(B):
        cuts = [0, *(t for t in range(1, T) if reset[row, t]), T]
        for start, end in pairwise(cuts):
            part = Timed(x[row : row + 1, start:end], elapsed[row : row + 1, start:end])
            torch.testing.assert_close(y[row, start:end], TimedDecay()(part)[0][0])


def test_what_is_recorded_stands_in_the_order_of_time():
    layer, x, reset = MinGRU(input_size=D, hidden_size=4), torch.randn(B, T, D), marks(B, T, 0.3)
    with probe.recording(layer) as whole:
        layer(x)
    with probe.recording(layer) as cut:
        y, after = layer(x, reset=reset)
    torch.testing.assert_close(cut[""]["write_gate"], whole[""]["write_gate"])
    expected, state = layer(x, reset=reset)
    torch.testing.assert_close((y, after), (expected, state))


def test_a_wrapper_hands_segments_on():
    """The layer inside sees them as they are, and the states of the rows."""
    from statewise.combine import Residual, Stack

    class Seen(SequenceLayer):
        def initial_state(self, batch_size):
            return self.zeros(batch_size, 1)

        def step(self, x, state):
            return x, state

        def _segments(self, x, state, segments):
            assert segments is not None
            assert state.shape == (B, 1)
            return x, state + 1

    reset = torch.zeros(B, T, dtype=torch.bool)
    reset[2, 3] = True
    inner = Seen(Vectors(D), D)
    y, state = Stack([Residual(inner), Residual(inner)])(torch.ones(B, T, D), reset=reset)
    assert bool((y == 4).all())
    assert all(part.shape == (B, 1) for part in state)


def test_no_rows_have_no_segments():
    layer, nothing = Decay(), torch.zeros(0, T, dtype=torch.bool)
    assert layer(torch.zeros(0, T, D), reset=nothing)[0].shape == (0, T, D)
