import pytest
import torch
from scipy import stats

from statewise.init.time_scales import chrono, spread


def test_memories_are_uniform_between_2_steps_and_the_longest():
    lasting = 1 + chrono(4000, 100, torch.Generator().manual_seed(0)).double().exp()
    assert stats.kstest((lasting.numpy() - 2) / 98, "uniform").pvalue > 1e-3


def test_a_gate_with_such_a_bias_forgets_after_that_many_steps():
    bias = chrono(5, 50, torch.Generator().manual_seed(0)).double()
    torch.testing.assert_close(1 / (1 - bias.sigmoid()), 1 + bias.exp())


def test_the_generator_alone_decides():
    first = chrono(10, 50, torch.Generator().manual_seed(3))
    assert torch.equal(chrono(10, 50, torch.Generator().manual_seed(3)), first)
    assert not torch.equal(chrono(10, 50, torch.Generator().manual_seed(4)), first)


@pytest.mark.parametrize("longest", [1, 0, -5])
def test_a_memory_below_two_steps_is_refused(longest):
    with pytest.raises(ValueError, match="at least 2"):
        chrono(3, longest)


def test_the_shortest_range_is_one_bias():
    assert not chrono(3, 2).any()


def test_a_spread_of_biases_makes_time_scales_of_one_ratio():
    lasting = spread(7, 3.0, 6.0).exp()
    torch.testing.assert_close(lasting[1:] / lasting[:-1], torch.full((6,), 0.5).exp())


def test_a_power_below_1_hurries_to_the_last_bias():
    """The first block of xLSTM's code: of 64 units more than half forget at once."""
    biases = spread(64, 5.0, -7.0, 0.3)
    torch.testing.assert_close(biases[[0, -1]], torch.tensor([5.0, -7.0]))
    assert (biases.diff() < 0).all()
    assert biases[32] < -4
