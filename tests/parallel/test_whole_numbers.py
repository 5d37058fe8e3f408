"""States with whole numbers in them, and clocks: in parallel as anything else where they are found, else left alone."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from statewise import tree
from statewise.contract import SequenceLayer, Timed, Vectors
from statewise.layers.recurrent.phased_lstm import PhasedLSTM
from statewise.layers.recurrent.quasi_rnn import QuasiRNN
from statewise.layers.recurrent.zoneout_lstm import ZoneoutLSTM
from statewise.parallel.newton import newton_in_time

Rule = Callable[[Tensor, Tensor], Tensor]


class Counting(SequenceLayer):
    """h_t = tanh(h_{t-1} / 2 + x_t + n_{t-1} / 8) and a whole number n_t = rule(n_{t-1}, h_t)."""

    def __init__(self, rule: Rule, dtype: torch.dtype = torch.int64) -> None:
        super().__init__(Vectors(1), output_size=1)
        self.rule, self.dtype_of_n = rule, dtype

    def initial_state(self, batch_size: int) -> tuple[Tensor, Tensor]:
        return self.zeros(batch_size, 1).double(), torch.zeros(batch_size, dtype=self.dtype_of_n)

    def step(self, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        h, n = state
        h = (h / 2 + x + n.unsqueeze(1) / 8).tanh()
        return h, (h, self.rule(n, h.squeeze(1)).to(n.dtype))


def drawn(time: int) -> Tensor:
    return torch.randn(3, time, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(2))


def warm(layer: SequenceLayer, *numbers: int) -> tuple[Tensor, Tensor]:
    h, n = layer.initial_state(len(numbers))
    return h, torch.tensor(numbers).to(n.dtype)


RULES: dict[str, Rule] = {
    "adds up": lambda n, h: n + 1,
    "stays": lambda n, h: n,
    "saturates": lambda n, h: (n + 1).clamp(max=70),
    "runs round": lambda n, h: (n + 1) % 7,
    "hears of the other": lambda n, h: (h > 0.3).long(),
}


@pytest.mark.parametrize("name", RULES)
def test_they_are_the_loops_whatever_they_depend_on(name: str) -> None:
    layer, x = Counting(RULES[name]), drawn(200).requires_grad_()
    start = warm(layer, 0, 3, 60)
    run, (y, after) = newton_in_time(layer, x, start), SequenceLayer._sequence(layer, x, start)
    assert run.fallback is None
    assert run.jacobian == "diagonal"
    torch.testing.assert_close(run.outputs, y, rtol=0, atol=1e-11)
    assert torch.equal(run.state[1], after[1])
    found, expected = (torch.autograd.grad(outputs.square().sum(), x)[0] for outputs in (run.outputs, y))
    torch.testing.assert_close(found, expected)


def test_truth_values_are_whole_numbers_too() -> None:
    layer, x = Counting(lambda n, h: ~n, torch.bool), drawn(21)
    run, (y, after) = newton_in_time(layer, x), layer(x)
    assert run.fallback is None
    torch.testing.assert_close(run.outputs, y)
    assert torch.equal(run.state[1], after[1])


def test_those_that_are_not_found_are_left_to_the_layer() -> None:
    layer, x = Counting(lambda n, h: (5 * n + 3) % 16), drawn(200)
    run = newton_in_time(layer, x, max_iterations=20)
    assert run.fallback is not None
    assert "3 of 3 rows have" in run.fallback
    assert "max_iterations=20" in run.fallback
    assert torch.equal(run.outputs, layer(x)[0])


def test_so_it_says_where_they_alone_are_missing() -> None:
    layer, x = Counting(lambda n, h: ((5 * n + 3) % 16).where(n < 99, n)), torch.zeros(1, 60, 1, dtype=torch.float64)

    def deaf(x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        h = state[0] / 2 + x
        return h, (h, layer.rule(state[1], h))

    layer.step = deaf  # type: ignore[method-assign]
    run = newton_in_time(layer, x)
    assert run.fallback == "1 of 1 rows have whole numbers in their state that were not found in max_iterations=32"


@pytest.mark.parametrize("kind", [ZoneoutLSTM, QuasiRNN])
def test_noise_of_the_seed_and_count_in_the_state_is_the_loops(kind: type[ZoneoutLSTM] | type[QuasiRNN]) -> None:
    torch.manual_seed(0)
    layer = kind(input_size=1, hidden_size=4, zoneout=0.4).double().train()
    x, start = drawn(70), layer.initial_state(3)
    run, (y, after) = newton_in_time(layer, x, start), SequenceLayer._sequence(layer, x, start)
    assert run.fallback is None
    torch.testing.assert_close(run.outputs, y)
    for found, expected in zip(tree.leaves(run.state), tree.leaves(after), strict=True):
        torch.testing.assert_close(found, expected)
    assert not torch.equal(y, SequenceLayer._sequence(layer.eval(), x, start)[0])


def test_a_clock_counts_neither_as_width_nor_as_chaos_and_single_precision_is_enough() -> None:
    torch.manual_seed(0)
    layer = PhasedLSTM(input_size=1, hidden_size=32, open_ratio=0.3)
    x = Timed(drawn(160).float(), torch.linspace(0.1, 5, 480).view(3, 160))
    run, (y, after) = newton_in_time(layer, x), SequenceLayer._sequence(layer, x, layer.initial_state(3))
    assert run.fallback is None
    assert run.jacobian == "full"
    assert run.lyapunov.tolist() == [0, 0, 0]
    torch.testing.assert_close(run.outputs, y, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(run.state.time, after.time)


class Beside(SequenceLayer):
    """h_t = tanh(3 h_{t-1} + x_t) beside a sum that grows beyond all bounds."""

    def __init__(self) -> None:
        super().__init__(Vectors(1), output_size=1)

    def initial_state(self, batch_size: int) -> tuple[Tensor, Tensor]:
        return self.zeros(batch_size, 1), self.zeros(batch_size)

    def step(self, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        h = (3 * state[0] + x).tanh()
        return h, (h, state[1] + 1e6)


def test_the_residual_of_a_leaf_is_not_lost_in_a_larger_one() -> None:
    layer, x = Beside(), 2 * drawn(300).float()
    run, (y, _) = newton_in_time(layer, x), layer(x)
    torch.testing.assert_close(run.outputs, y, rtol=1e-4, atol=1e-4)
