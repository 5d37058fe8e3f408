"""Rows that begin anew inside a sequence."""

import pytest
import torch

from statewise.contract import Timed

from .small import B, D, Decay, T, TimedDecay


def test_equals_starting_anew_at_each_mark(x):
    reset = torch.zeros(B, T, dtype=torch.bool)
    reset[0, 0] = reset[1, 4] = reset[2, 4] = reset[2, 7] = reset[3, T - 1] = True
    state = torch.full((B, D), 8.0)
    y, after = Decay()(x, state, reset=reset)
    for row in range(B):
        h = state[row]
        for t in range(T):
            h = (torch.zeros(D) if reset[row, t] else h) / 2 + x[row, t]
            torch.testing.assert_close(y[row, t], h)
        torch.testing.assert_close(after[row], h)


def test_no_mark_changes_nothing(lstm, x):
    nothing = torch.zeros(B, T, dtype=torch.bool)
    torch.testing.assert_close(lstm(x, reset=nothing), lstm(x), rtol=0, atol=0)


def test_no_gradient_crosses_a_mark(lstm, x):
    x.requires_grad_()
    reset = torch.zeros(B, T, dtype=torch.bool)
    reset[1, 4] = True
    y, _ = lstm(x, reset=reset)
    (gradient,) = torch.autograd.grad(y[:, -1].sum(), x)
    assert not gradient[1, :4].any()
    assert bool((gradient[0, :4] != 0).all())


def test_time_stamps_are_cut_too(x):
    elapsed = torch.rand(B, T, generator=torch.Generator().manual_seed(1))
    reset = torch.zeros(B, T, dtype=torch.bool)
    reset[:, 5] = True
    y, _ = TimedDecay()(Timed(x, elapsed), reset=reset)
    expected, _ = TimedDecay()(Timed(x[:, 5:], elapsed[:, 5:]))
    torch.testing.assert_close(y[:, 5:], expected)


@pytest.mark.parametrize("reset", [torch.zeros(B, T), torch.zeros(T, B, dtype=torch.bool)])
def test_a_wrong_one_is_refused(lstm, x, reset):
    with pytest.raises(ValueError, match=r"reset must be bool \(5, 9\), got"):
        lstm(x, reset=reset)
