"""Who moves when, and on whose account: Koutnik et al. 2014 by hand, and torch's RNN where all move at every step."""

import numpy as np
import pytest
import torch

from statewise import laws, probe
from statewise.contract import SequenceLayer
from statewise.layers.recurrent.clockwork import ClockworkRNN, ClockworkState

B, T, D, H = 3, 13, 3, 6
GEARS = pytest.mark.parametrize("run", [SequenceLayer.forward, SequenceLayer._sequence], ids=["whole", "steps"])


def example(*periods: int) -> tuple[ClockworkRNN, torch.Tensor, ClockworkState]:
    torch.manual_seed(0)
    layer = ClockworkRNN(input_size=D, hidden_size=H, periods=periods).double()
    return layer, torch.randn(B, T, D).double(), ClockworkState(torch.randn(B, H).double(), torch.tensor([0, 1, 6]))


def upper_blocks(groups: int) -> torch.Tensor:
    size = H // groups
    return torch.ones(groups, groups).triu().repeat_interleave(size, 0).repeat_interleave(size, 1)


@GEARS
def test_the_paper_by_hand(run):
    layer, x, state = example(1, 2, 5)
    w, b = (p.detach().numpy() for p in layer.input_map.parameters())
    blocks = [p.detach().numpy() for p in layer.recurrent]
    y, after = run(layer, x, state)
    for row in range(B):
        h, start = state.h[row].numpy(), int(state.steps[row])
        for t in range(T):
            new = h.copy()
            for group, period in enumerate((1, 2, 5)):
                if (start + t) % period == 0:
                    own = slice(2 * group, 2 * group + 2)
                    new[own] = np.tanh(w[own] @ x[row, t].numpy() + b[own] + blocks[group] @ h[2 * group :])
            h = new
            np.testing.assert_allclose(y[row, t].detach().numpy(), h, rtol=1e-10, atol=1e-12)
    assert after.steps.tolist() == [13, 14, 19]


@GEARS
def test_a_group_that_does_not_move_keeps_its_state_to_the_last_bit(run):
    layer, x, state = example(1, 4, 100)
    state = state._replace(steps=torch.ones(B, dtype=torch.int64))
    y, _ = run(layer, x, state)
    assert torch.equal(y[:, :, 4:], state.h[:, None, 4:].expand(B, T, 2))
    assert torch.equal(y[:, 3:7, 2:4], y[:, 3:4, 2:4].expand(B, 4, 2))
    assert bool((y[:, 3, 2:4] != y[:, 2, 2:4]).all())
    assert bool((y[:, 1:, :2] != y[:, :-1, :2]).all())


@GEARS
def test_with_all_periods_1_it_is_torchs_rnn_with_a_block_triangular_matrix(run):
    layer, x, state = example(1, 1, 1)
    twin = torch.nn.RNN(D, H, batch_first=True).double()
    recurrent = torch.zeros(H, H).double()
    recurrent[upper_blocks(3).bool()] = torch.cat([p.detach().flatten() for p in layer.recurrent])
    weights = [layer.input_map.weight, recurrent, layer.input_map.bias, torch.zeros(H)]
    twin.load_state_dict(dict(zip(twin.state_dict(), weights, strict=True)))
    torch.testing.assert_close(run(layer, x, state)[0], twin(x, state.h.unsqueeze(0))[0], rtol=1e-12, atol=1e-12)


def test_slow_groups_drive_fast_ones_and_not_the_reverse():
    layer, x, state = example(1, 2, 4)
    state = state._replace(steps=torch.zeros(B, dtype=torch.int64))
    jacobian = torch.autograd.functional.jacobian(
        lambda h: layer.step(x[:1, 0], ClockworkState(h, state.steps[:1]))[0][0], state.h[:1]
    )[:, 0]
    assert torch.equal(jacobian != 0, upper_blocks(3).bool())


def test_only_blocks_that_are_there_are_parameters():
    layer, _, _ = example(1, 2, 4)
    assert sum(p.numel() for p in layer.recurrent) == int(upper_blocks(3).sum())


def test_at_the_start_every_eigenvalue_lies_on_the_unit_circle():
    layer, _, _ = example(1, 2, 4)
    modulus = torch.linalg.eigvals(layer._weight().detach()).abs()
    torch.testing.assert_close(modulus, torch.ones(H).double(), rtol=1e-5, atol=1e-5)


def test_who_moves_can_be_watched():
    layer, x, _ = example(1, 2, 4)
    with probe.recording(layer) as seen:
        layer(x)
    moved = seen[""]["moves"].sum(dim=1)[0]
    assert moved.tolist() == [13, 13, 7, 7, 4, 4]


def test_powers_of_2_keep_the_laws():
    laws.check(ClockworkRNN(input_size=3, hidden_size=4))


def test_the_width_is_a_multiple_of_the_groups():
    assert ClockworkRNN.width_multiple({"periods": (1, 2, 4)}) == 3
    with pytest.raises(ValueError, match="hidden_size must be a multiple of 3"):
        ClockworkRNN(input_size=3, hidden_size=4, periods=(1, 2, 4))


@pytest.mark.parametrize("periods", [(), (0, 1), (2, 1)])
def test_periods_that_are_none_are_refused(periods):
    with pytest.raises(ValueError, match="from fast to slow"):
        ClockworkRNN(input_size=3, hidden_size=4, periods=periods)


@pytest.mark.parametrize(("longest", "periods"), [(64, [1, 4, 16, 64]), (35.4, [1, 3, 11, 35]), (1, [1, 1, 1, 1])])
def test_the_longest_period_spreads_all_by_equal_factors(longest, periods):
    layer = ClockworkRNN(input_size=3, hidden_size=4, longest_period=longest)
    assert layer.periods.tolist() == periods


@pytest.mark.parametrize(("periods", "longest"), [((1, 2), 0.5), ((2,), 8)])
def test_a_longest_period_that_spreads_nothing_is_refused(periods, longest):
    with pytest.raises(ValueError, match="a longest period takes two groups"):
        ClockworkRNN(input_size=3, hidden_size=4, periods=periods, longest_period=longest)
