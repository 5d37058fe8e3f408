"""Scores of single positions against their definitions."""

import math

import numpy as np
import pytest
import torch

from statewise.metrics import (
    bits_cross_entropy,
    bits_hit,
    cross_entropy,
    hits,
    memory_capacity,
    seasonal_naive_error,
    squared_correlations,
)


@pytest.fixture
def rng():
    return torch.Generator().manual_seed(0)


def draw(*shape, rng):
    return torch.randn(*shape, generator=rng, dtype=torch.float64)


def test_cross_entropy_equals_its_definition_position_by_position(rng):
    logits, target = draw(3, 4, 5, rng=rng), torch.randint(5, (3, 4), generator=rng)
    terms = [[-math.log(logits[b, t].softmax(0)[target[b, t]]) for t in range(4)] for b in range(3)]
    torch.testing.assert_close(cross_entropy(logits, target), torch.tensor(terms, dtype=torch.float64))


def test_hits_count_largest_logits(rng):
    logits, target = draw(50, 7, rng=rng), torch.randint(7, (50,), generator=rng)
    wanted = [int(row.argmax()) == int(right) for row, right in zip(logits, target, strict=True)]
    assert hits(logits, target).tolist() == wanted


@pytest.mark.parametrize("score", [cross_entropy, hits])
def test_a_position_that_is_not_a_number_touches_no_other(score, rng):
    logits, target = draw(2, 6, 5, rng=rng), torch.randint(5, (2, 6), generator=rng)
    wanted = score(logits, target)
    logits[0, 3:] = math.nan
    torch.testing.assert_close(score(logits, target)[1], wanted[1])
    torch.testing.assert_close(score(logits, target)[0, :3], wanted[0, :3])


def test_blind_guessing_costs_one_bit_a_bit():
    nats = bits_cross_entropy(torch.zeros(2, 20, 8), torch.randint(2, (2, 20, 8)).float())
    assert float(nats.sum()) / math.log(2) == pytest.approx(2 * 20 * 8)


def test_bits_cost_what_their_probability_says(rng):
    logits, target = draw(3, 4, rng=rng), (draw(3, 4, rng=rng) > 0).double()
    likely = torch.where(target > 0, logits.sigmoid(), 1 - logits.sigmoid())
    torch.testing.assert_close(bits_cross_entropy(logits, target), -likely.log().sum(dim=1))


def test_right_bits_are_counted(rng):
    logits, target = draw(3, 5, 4, rng=rng), (draw(3, 5, 4, rng=rng) > 0).float()
    right = sum(int((x > 0) == (y > 0.5)) for x, y in zip(logits.flatten(), target.flatten(), strict=True))
    assert int(bits_hit(logits, target).sum()) == right


@pytest.mark.parametrize("period", [1, 3])
def test_the_seasonal_naive_error_is_that_of_repeating_a_period(period, rng):
    series = draw(40, 2, rng=rng).numpy()
    wanted = [np.mean([abs(series[t, d] - series[t - period, d]) for t in range(period, 40)]) for d in (0, 1)]
    assert seasonal_naive_error(torch.from_numpy(series), period).tolist() == pytest.approx(wanted)


@pytest.mark.parametrize("period", [0, 5])
def test_a_period_that_does_not_fit_is_refused(period):
    with pytest.raises(ValueError, match="period"):
        seasonal_naive_error(torch.zeros(5), period)


def test_squared_correlations_equal_numpy_and_are_0_for_a_constant(rng):
    p, y = draw(40, 3, rng=rng), draw(40, 3, rng=rng)
    p[:, 2] = 7.0
    wanted = [np.corrcoef(p[:, k], y[:, k])[0, 1] ** 2 for k in (0, 1)] + [0.0]
    assert squared_correlations(p, y).tolist() == pytest.approx(wanted)


def test_a_delay_line_of_n_steps_has_memory_capacity_n(rng):
    steps, units, lags = 20_000, 4, 10
    u = draw(steps + lags, rng=rng)
    past = torch.stack([u[lags - k : steps + lags - k] for k in range(1, lags + 1)], dim=1)
    state = past[:, :units]
    readout = torch.linalg.lstsq(state, past).solution
    assert memory_capacity(state @ readout, past).item() == pytest.approx(units, abs=0.02)


@pytest.mark.parametrize("score", [bits_cross_entropy, bits_hit, squared_correlations])
def test_shapes_that_would_broadcast_are_refused(score):
    with pytest.raises(ValueError, match="differ in shape"):
        score(torch.zeros(4, 1), torch.zeros(4))


@pytest.mark.parametrize("score", [cross_entropy, hits])
def test_logits_and_targets_of_other_shapes_are_refused(score):
    with pytest.raises(ValueError, match="need targets"):
        score(torch.zeros(2, 3, 4), torch.zeros(3, 2, dtype=torch.long))
