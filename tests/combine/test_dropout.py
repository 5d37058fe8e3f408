"""Dropout: the right share falls out, the mean stays, and its noise is a function of row, step and unit alone."""

import pytest
import torch

from statewise.combine.dropout import Dropout, DropoutState
from statewise.combine.stack import Stack
from statewise.layers.recurrent.gru import GRU

B, T, D = 40, 50, 20


def _mask(layer: Dropout, seed: int = 0) -> torch.Tensor:
    torch.manual_seed(seed)
    return layer(torch.ones(B, T, D))[0]


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
def test_the_mean_stays_and_the_rate_is_the_rate(rate: float):
    y = _mask(Dropout(width=D, rate=rate))
    n = y.numel()
    dropped = float((y == 0).double().mean())
    assert abs(dropped - rate) < 4 * (rate * (1 - rate) / n) ** 0.5
    assert abs(float(y.double().mean()) - 1) < 4 * (rate / (1 - rate) / n) ** 0.5
    torch.testing.assert_close(y[y != 0], torch.full_like(y[y != 0], 1 / (1 - rate)))


def test_rows_steps_and_units_fall_out_independently():
    kept = (_mask(Dropout(width=D, rate=0.5)) != 0).double() * 2 - 1
    limit = 4 / (B * T * D) ** 0.5
    for axis in range(3):
        neighbours = kept.narrow(axis, 1, kept.shape[axis] - 1) * kept.narrow(axis, 0, kept.shape[axis] - 1)
        assert abs(float(neighbours.mean())) < 1.1 * limit


def test_variational_draws_one_mask_a_sequence():
    y = _mask(Dropout(width=D, rate=0.5, variational=True))
    assert bool((y == y[:, :1]).all())
    assert not bool((y[0, 0] == y[1, 0]).all())


@pytest.mark.parametrize("variational", [False, True])
def test_chunks_and_steps_draw_what_the_whole_draws(variational: bool):
    layer = Dropout(width=D, rate=0.5, variational=variational)
    x = torch.randn(B, T, D)
    start = layer.initial_state(B)
    whole, after = layer(x, start)
    state, parts = start, []
    for part in x.split([1, 0, 17, 32], dim=1):
        y, state = layer(part, state)
        parts.append(y)
    torch.testing.assert_close(torch.cat(parts, 1), whole, rtol=0, atol=0)
    assert bool((state.steps == after.steps).all())
    assert bool((after.steps == T).all())
    state, steps = start, []
    for x_t in x.unbind(1):
        y, state = layer.step(x_t, state)
        steps.append(y)
    torch.testing.assert_close(torch.stack(steps, 1), whole, rtol=0, atol=0)


def test_a_row_draws_the_same_alone_and_in_company():
    layer = Dropout(width=D, rate=0.5)
    x, state = torch.randn(B, T, D), layer.initial_state(B)
    whole, _ = layer(x, state)
    alone, _ = layer(x[7:8], DropoutState(state.seed[7:8], state.steps[7:8]))
    torch.testing.assert_close(alone, whole[7:8], rtol=0, atol=0)


def test_the_seed_decides():
    layer = Dropout(width=D, rate=0.5)
    assert bool((_mask(layer, seed=1) == _mask(layer, seed=1)).all())
    assert not bool((_mask(layer, seed=1) == _mask(layer, seed=2)).all())


def test_two_layers_of_a_stack_draw_apart():
    torch.manual_seed(0)
    first, second = Stack([Dropout(width=D, rate=0.5), Dropout(width=D, rate=0.5)]).initial_state(B)
    assert not bool((first.seed == second.seed).any())


def test_eval_mode_changes_nothing_and_draws_nothing():
    layer = Stack([GRU(input_size=D, hidden_size=D), Dropout(width=D, rate=0.9)]).eval()
    before = torch.get_rng_state()
    x = torch.randn(B, T, D, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(layer(x)[0], layer.layers[0](x)[0], rtol=0, atol=0)
    assert bool((torch.get_rng_state() == before).all())


def test_rate_zero_is_nothing():
    assert bool((_mask(Dropout(width=D, rate=0.0)) == 1).all())


@pytest.mark.parametrize("rate", [-0.1, 1.0, float("nan")])
def test_impossible_rates_are_refused(rate: float):
    with pytest.raises(ValueError, match="at least 0 and below 1"):
        Dropout(width=D, rate=rate)
