"""Each equation of the addressing on its own, and what smoothing changes where the paper's is undefined."""

import numpy as np
import pytest
import torch

from statewise.layers.memory import addressing
from statewise.layers.memory.addressing import Address, address, content_weights, sharpen, shift_weights, unit

from . import papers_equations as paper

ROWS, SLOTS, WIDTH, HEADS = 3, 7, 4, 2


@pytest.fixture
def exact(monkeypatch):
    """The paper's equations without smoothing, defined wherever nothing is zero."""
    monkeypatch.setattr(addressing, "TINY", 0.0)
    monkeypatch.setattr(addressing, "NOTHING", 0.0)


def draw(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64)


def some_weights() -> torch.Tensor:
    return draw(ROWS, HEADS, SLOTS).softmax(dim=-1)


def each_head(function, *arguments: torch.Tensor) -> torch.Tensor:
    """A function of one head of one row, over all of them."""
    found = [
        [function(*(part[row, head].numpy() for part in arguments)) for head in range(HEADS)] for row in range(ROWS)
    ]
    return torch.from_numpy(np.array(found))


@pytest.mark.parametrize("seed", range(3))
def test_content_is_a_softmax_of_cosines(exact, seed):
    torch.manual_seed(seed)
    memory, key, strength = draw(ROWS, SLOTS, WIDTH), draw(ROWS, HEADS, WIDTH), 5 * draw(ROWS, HEADS, 1).abs()
    everywhere = memory.unsqueeze(1).expand(-1, HEADS, -1, -1)
    expected = each_head(lambda m, k, b: paper.content_weighting(m, k, b[0]), everywhere, key, strength)
    torch.testing.assert_close(content_weights(memory, key, strength), expected, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("reach", [0, 1, 2, 3])
def test_shifting_is_a_circular_convolution(reach):
    torch.manual_seed(reach)
    weights, shift = some_weights(), draw(ROWS, HEADS, 2 * reach + 1).softmax(dim=-1)
    expected = each_head(paper.circular_convolution, weights, shift)
    torch.testing.assert_close(shift_weights(weights, shift), expected, rtol=1e-12, atol=1e-14)


def test_sharpening_is_a_power_and_a_norm(exact):
    torch.manual_seed(0)
    weights, gamma = some_weights(), 1 + 4 * torch.rand(ROWS, HEADS, 1, dtype=torch.float64)
    expected = each_head(lambda w, g: paper.sharpening(w, g[0]), weights, gamma)
    torch.testing.assert_close(sharpen(weights, gamma), expected, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("gate", [0.0, 0.3, 1.0])
def test_content_gate_shift_and_power_follow_each_other(exact, gate):
    torch.manual_seed(0)
    memory, before = draw(ROWS, SLOTS, WIDTH), some_weights()
    said = Address(
        draw(ROWS, HEADS, WIDTH),
        3 * draw(ROWS, HEADS, 1).abs(),
        torch.full((ROWS, HEADS, 1), gate, dtype=torch.float64),
        draw(ROWS, HEADS, 3).softmax(dim=-1),
        1 + draw(ROWS, HEADS, 1).abs(),
    )

    def one(m, w, key, strength, g, shift, gamma):
        gated = paper.interpolation(paper.content_weighting(m, key, strength[0]), w, g[0])
        return paper.sharpening(paper.circular_convolution(gated, shift), gamma[0])

    everywhere = memory.unsqueeze(1).expand(-1, HEADS, -1, -1)
    expected = each_head(one, everywhere, before, *said)
    torch.testing.assert_close(address(memory, before, said), expected, rtol=1e-10, atol=1e-12)


def test_weights_stay_weights_where_powers_underflow():
    """w^gamma / sum w^gamma is 0 / 0 in float32 for w = 1/1000 and gamma = 21 (benchmarked faults: NaN after hours)."""
    weights = torch.full((1, 1, 1000), 1e-3)
    assert (weights**21).sum() == 0
    torch.testing.assert_close(sharpen(weights, torch.tensor([[[21.0]]])), weights)


def test_sharpening_of_weights_that_are_zero_is_finite_with_its_gradient():
    weights = torch.tensor([[[1.0, 0.0, 0.0]]], requires_grad=True)
    sharp = sharpen(weights, torch.tensor([[[21.0]]]))
    torch.testing.assert_close(sharp, weights.detach())
    sharp.square().sum().backward()
    assert bool(weights.grad.isfinite().all())


def test_an_empty_slot_is_like_nothing_with_a_finite_gradient():
    memory = torch.zeros(1, 3, 2)
    memory[0, 1] = torch.tensor([3.0, 4.0])
    memory.requires_grad_()
    key = torch.tensor([[[0.6, 0.8]]])
    weights = content_weights(memory, key, torch.tensor([[[2.0]]]))
    expected = torch.tensor([0.0, 2.0, 0.0]).softmax(dim=0)
    torch.testing.assert_close(weights[0, 0], expected, rtol=1e-5, atol=1e-6)
    weights.square().sum().backward()
    assert bool(memory.grad.isfinite().all())
    assert unit(torch.zeros(2)).tolist() == [0.0, 0.0]


def test_smoothing_changes_nothing_that_can_be_seen(monkeypatch):
    torch.manual_seed(0)
    memory, key, strength = draw(ROWS, SLOTS, WIDTH), draw(ROWS, HEADS, WIDTH), draw(ROWS, HEADS, 1).abs()
    smooth = sharpen(content_weights(memory, key, strength), 1 + strength)
    monkeypatch.setattr(addressing, "TINY", 0.0)
    monkeypatch.setattr(addressing, "NOTHING", 0.0)
    torch.testing.assert_close(smooth, sharpen(content_weights(memory, key, strength), 1 + strength), rtol=1e-4, atol=0)
