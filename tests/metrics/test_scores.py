import math

import numpy as np
import pytest
import torch

from statewise.metrics import (
    accuracy,
    bit_error_rate,
    bits_per_sequence,
    cross_entropy,
    mae,
    mase,
    memory_capacity,
    mse,
    nrmse,
    r2,
    rmse,
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
    terms = [-math.log(logits[b, t].softmax(0)[target[b, t]]) for b in range(3) for t in range(4)]
    assert cross_entropy(logits, target).item() == pytest.approx(sum(terms) / 12)


def test_accuracy_counts_hits(rng):
    logits, target = draw(50, 7, rng=rng), torch.randint(7, (50,), generator=rng)
    hits = sum(int(row.argmax() == wanted) for row, wanted in zip(logits, target, strict=True))
    assert accuracy(logits, target).item() == pytest.approx(hits / 50)


@pytest.mark.parametrize("score", [cross_entropy, accuracy])
def test_a_mask_leaves_only_its_positions_and_keeps_nan_out(score, rng):
    logits, target = draw(2, 6, 5, rng=rng), torch.randint(5, (2, 6), generator=rng)
    mask = torch.tensor([[1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 1, 0]], dtype=torch.bool)
    logits[~mask] = math.nan
    wanted = score(torch.cat([logits[0, :3], logits[1, :5]]), torch.cat([target[0, :3], target[1, :5]]))
    torch.testing.assert_close(score(logits, target, mask), wanted)


@pytest.mark.parametrize("score", [mse, rmse, mae, nrmse, r2, bits_per_sequence])
def test_what_the_mask_leaves_out_reaches_no_gradient_even_as_nan(score, rng):
    prediction, target = draw(2, 4, 3, rng=rng), (draw(2, 4, 3, rng=rng) > 0).double()
    mask = torch.tensor([[1, 1, 0, 0], [1, 1, 1, 0]], dtype=torch.bool)
    prediction[~mask] = math.nan
    prediction.requires_grad_()
    score(prediction, target, mask).backward()
    assert (prediction.grad[~mask] == 0).all()
    assert (prediction.grad[mask] != 0).all()


def test_errors_equal_numpy(rng):
    p, y = draw(4, 6, 2, rng=rng), draw(4, 6, 2, rng=rng)
    error = (p - y).numpy()
    assert mse(p, y).item() == pytest.approx(np.mean(error**2))
    assert rmse(p, y).item() == pytest.approx(np.sqrt(np.mean(error**2)))
    assert mae(p, y).item() == pytest.approx(np.mean(np.abs(error)))
    assert nrmse(p, y).item() == pytest.approx(np.sqrt(np.mean(error**2)) / np.std(y.numpy()))
    assert r2(p, y).item() == pytest.approx(1 - np.sum(error**2) / np.sum((y.numpy() - y.numpy().mean()) ** 2))


def test_predicting_the_mean_has_nrmse_1_and_explains_nothing(rng):
    y = draw(100, rng=rng)
    assert nrmse(y.mean().expand(100), y).item() == pytest.approx(1)
    assert r2(y.mean().expand(100), y).item() == pytest.approx(0)


def test_nrmse_r2_and_mase_do_not_depend_on_the_unit(rng):
    p, y, train = draw(30, rng=rng), draw(30, rng=rng), draw(50, rng=rng)
    for score in (nrmse, r2):
        torch.testing.assert_close(score(1000 * p + 5, 1000 * y + 5), score(p, y))
    torch.testing.assert_close(mase(9 * p, 9 * y, 9 * train), mase(p, y, train))


def test_constant_targets_have_no_nrmse():
    y = torch.ones(5)
    assert nrmse(y + 1, y).item() == math.inf
    assert math.isnan(nrmse(y, y).item())


@pytest.mark.parametrize("period", [1, 3])
def test_the_seasonal_naive_forecast_of_the_training_series_has_mase_1(period, rng):
    series = draw(40, 2, rng=rng)
    assert mase(series[:-period], series[period:], series, period).item() == pytest.approx(1)


def test_mase_scales_each_column_by_its_own_series():
    train = torch.tensor([[0.0, 0.0], [1.0, 10.0], [0.0, 0.0]])
    assert mase(torch.zeros(2, 2), torch.tensor([[1.0, 10.0]] * 2), train).item() == pytest.approx(1)


def test_a_gap_in_the_training_series_is_passed_over():
    series = torch.tensor([0.0, 1.0, math.nan, 5.0, 8.0])
    assert seasonal_naive_error(series).item() == pytest.approx((1 + 3) / 2)


@pytest.mark.parametrize("period", [0, 5])
def test_a_period_that_does_not_fit_is_refused(period):
    with pytest.raises(ValueError, match="period"):
        seasonal_naive_error(torch.zeros(5), period)


def test_blind_guessing_costs_one_bit_for_each_bit_of_each_sequence():
    logits, target = torch.zeros(2, 20, 8), torch.randint(2, (2, 20, 8)).float()
    mask = torch.arange(20) < torch.tensor([[1], [20]])
    assert bits_per_sequence(logits, target, mask).item() == pytest.approx(8 * 21 / 2)


def test_bit_error_rate_counts_wrong_bits(rng):
    logits, target = draw(3, 5, 4, rng=rng), (draw(3, 5, 4, rng=rng) > 0).float()
    wrong = sum(int((x > 0) != (y > 0.5)) for x, y in zip(logits.flatten(), target.flatten(), strict=True))
    assert bit_error_rate(logits, target).item() == pytest.approx(wrong / 60)


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


@pytest.mark.parametrize("score", [mse, mae, bit_error_rate])
def test_shapes_that_would_broadcast_are_refused(score):
    with pytest.raises(ValueError, match="differ in shape"):
        score(torch.zeros(4, 1), torch.zeros(4))


def test_logits_and_targets_of_other_shapes_are_refused():
    with pytest.raises(ValueError, match="need targets"):
        accuracy(torch.zeros(2, 3, 4), torch.zeros(3, 2, dtype=torch.long))


def test_a_score_of_nothing_is_nan():
    assert math.isnan(mse(torch.ones(2), torch.ones(2), torch.zeros(2, dtype=torch.bool)).item())
