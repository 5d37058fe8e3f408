"""A ragged batch equals its rows, one by one."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from statewise import tree
from statewise.catalog import CATALOG
from statewise.combine.dropout import Dropout
from statewise.combine.parametrised import drop_connect
from statewise.combine.ragged import run_ragged
from statewise.combine.stack import Stack
from statewise.contract import SequenceLayer, Timed, Vectors
from statewise.layers.recurrent.lstm import LSTM
from statewise.models.resolve import make_layer

B, T, D = 5, 7, 3


class Clock(SequenceLayer):
    """h_t = h_{t-1} + x_t * elapsed_t"""

    reads_time = True

    def __init__(self) -> None:
        super().__init__(Vectors(D), output_size=D)

    def initial_state(self, batch_size):
        return self.zeros(batch_size, D)

    def step(self, x, state):
        h = state + x.values * x.elapsed.unsqueeze(1)
        return h, h


def _assert_equals_rows(layer, x, lengths, state):
    y, after = run_ragged(layer, x, lengths, state)
    for row, length in enumerate(lengths.tolist()):
        here = torch.tensor([row])
        alone, alone_after = layer(tree.map(lambda leaf: leaf[here, :length], x), tree.take(state, here))  # noqa: B023
        torch.testing.assert_close(y[here, :length], alone, rtol=1e-12, atol=1e-12)
        tree.map(
            lambda a, b: torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12), tree.take(after, here), alone_after
        )
        assert not y[row, length:].any()


def _noisy_input(lengths):
    x = torch.randn(B, T, D, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    return x.masked_fill((torch.arange(T) >= lengths.unsqueeze(1)).unsqueeze(2), float("nan"))


@pytest.mark.parametrize("name", ["lstm", "lru", "attention", "tcn", "ntm", "echo-state"])
def test_equals_row_by_row_with_nan_in_the_padding(name: str):
    torch.manual_seed(0)
    entry = CATALOG[name]
    layer = make_layer(entry, entry.small).double()
    lengths = torch.tensor([4, 0, 7, 4, 1])
    with torch.no_grad():
        _, warm = layer(torch.randn(B, 3, D, dtype=torch.float64))
        _assert_equals_rows(layer, _noisy_input(lengths), lengths, warm)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, T), min_size=B, max_size=B))
def test_equals_row_by_row_for_any_lengths(drawn: list[int]):
    torch.manual_seed(0)
    layer = Stack([LSTM(input_size=D, hidden_size=4), Dropout(width=4, rate=0.5)]).double()
    lengths = torch.tensor(drawn)
    _assert_equals_rows(layer, _noisy_input(lengths), lengths, layer.initial_state(B))


def test_time_stamps_go_along():
    lengths = torch.tensor([4, 0, 7, 4, 1])
    elapsed = torch.rand(B, T, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    clock = Clock().double()
    _assert_equals_rows(clock, Timed(_noisy_input(lengths), elapsed), lengths, clock.initial_state(B))


def test_a_finished_row_keeps_its_state_and_gets_no_gradient_from_padding():
    torch.manual_seed(0)
    layer = LSTM(input_size=D, hidden_size=4).double()
    x = torch.randn(2, T, D, dtype=torch.float64, requires_grad=True)
    y, after = run_ragged(layer, x, torch.tensor([2, T]))
    (gradient,) = torch.autograd.grad(y.sum() + after.h.sum(), x)
    assert not gradient[0, 2:].any()
    assert bool((gradient[0, :2] != 0).all())


@pytest.mark.parametrize("time", [0, 3])
def test_rows_without_a_step_stay_where_they_were(time: int):
    layer = LSTM(input_size=D, hidden_size=4)
    state = tree.map(lambda leaf: leaf + 1, layer.initial_state(2))
    y, after = run_ragged(layer, torch.zeros(2, time, D), torch.zeros(2, dtype=torch.int64), state)
    assert y.shape == (2, time, 4)
    assert not y.any()
    tree.map(lambda a, b: torch.testing.assert_close(a, b, rtol=0, atol=0), after, state)


def test_lengths_beyond_the_sequence_are_refused():
    with pytest.raises(ValueError, match="between 0 and 3"):
        run_ragged(LSTM(input_size=D, hidden_size=4), torch.zeros(2, 3, D), torch.tensor([1, 4]))


def test_one_mask_of_weights_serves_rows_of_all_lengths():
    layer = drop_connect(LSTM(input_size=D, hidden_size=8), ["weight_hh_l0"], rate=0.5)
    x, lengths = torch.randn(B, T, D), torch.tensor([7, 3, 0, 5, 1])
    torch.manual_seed(1)
    expected, _ = layer(x)
    torch.manual_seed(1)
    found, _ = run_ragged(layer, x, lengths)
    within = torch.arange(T) < lengths.unsqueeze(1)
    torch.testing.assert_close(found[within], expected[within])
