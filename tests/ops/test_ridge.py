import pytest
import torch

from statewise.ops.ridge import RidgeStatistics


def example(examples: int = 40) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(0)
    x, y = (torch.randn(examples, width, generator=g, dtype=torch.float64) for width in (5, 2))
    return x + 3, y - 7, torch.rand(examples, generator=g, dtype=torch.float64)


def statistics(*chunks: tuple[torch.Tensor, ...]) -> RidgeStatistics:
    result = RidgeStatistics(features=5, targets=2)
    for chunk in chunks:
        result.add(*chunk)
    return result


@pytest.mark.parametrize("ridge", [0.0, 0.1, 100.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_solves_the_regression_whose_bias_is_not_penalised(ridge, weighted):
    """Against least squares on examples that the penalty adds."""
    x, y, weights = example()
    found_weight, found_bias = statistics((x, y, weights) if weighted else (x, y)).solve(ridge)
    scale = weights.sqrt().unsqueeze(1) if weighted else torch.ones(40, 1, dtype=torch.float64)
    rows = torch.cat([torch.cat([x, torch.ones(40, 1)], dim=1) * scale, ridge**0.5 * torch.eye(6)[:5].double()])
    targets = torch.cat([y * scale, torch.zeros(5, 2, dtype=torch.float64)])
    expected = torch.linalg.lstsq(rows, targets).solution
    torch.testing.assert_close(torch.cat([found_weight.T, found_bias.unsqueeze(0)]), expected, rtol=1e-9, atol=1e-9)


def test_how_the_examples_are_cut_changes_nothing():
    x, y, weights = example()
    whole = statistics((x, y, weights)).solve(0.5)
    parts = [tuple(part[chosen] for part in (x, y, weights)) for chosen in (slice(7), slice(7, 7), slice(7, 40))]
    one_by_one = statistics(*parts)
    assert one_by_one.examples == pytest.approx(float(weights.sum()))
    for found, expected in zip(one_by_one.solve(0.5), whole, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


def test_a_feature_that_says_nothing_new_does_no_harm():
    x, y, _ = example()
    x[:, 1], x[:, 2] = 2.0, x[:, 3]
    weight, bias = statistics((x, y)).solve(0.0)
    assert (x @ weight.T + bias - y).square().sum() <= 1.001 * (x[:, [0, 3, 4]] @ weight[:, [0, 3, 4]].T - y).var(
        0
    ).sum() * 40


@pytest.mark.parametrize(("chunks", "ridge", "reason"), [(0, 1.0, "nothing to fit"), (1, -1.0, "negative")])
def test_what_cannot_be_solved_is_refused(chunks, ridge, reason):
    with pytest.raises(ValueError, match=reason):
        statistics(*[example()[:2]] * chunks).solve(ridge)
