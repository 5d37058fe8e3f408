"""What the Jacobian is taken for, single numbers or pairs on its diagonal or all of it, and what if it is not."""

import pytest
import torch
from torch import Tensor

from statewise.contract import SequenceLayer, Vectors
from statewise.errors import UserError
from statewise.layers.recurrent.gru import GRU
from statewise.layers.recurrent.ind_rnn import IndRNN
from statewise.parallel.newton import newton_in_time


def test_what_the_jacobian_is_said_to_be_changes_nothing_but_the_work() -> None:
    torch.manual_seed(0)
    layer, x = IndRNN(input_size=3, hidden_size=6).double(), torch.randn(3, 61, 3, dtype=torch.float64)
    runs = [newton_in_time(layer, x, jacobian=said) for said in ("auto", "diagonal", "pairs", "full")]
    for run in runs:
        torch.testing.assert_close(run.outputs, layer(x)[0], rtol=0, atol=1e-10)
    for said in ("diagonal", "pairs"):
        with pytest.raises(UserError, match=f"the Jacobian of GRU is not {said}; pass jacobian='auto' or 'full'"):
            newton_in_time(GRU(input_size=3, hidden_size=6).double(), x, jacobian=said)


class Undecided(SequenceLayer):
    """h_t = h_{t-1} + x_t, whose exponent is 0."""

    def __init__(self, size: int) -> None:
        super().__init__(Vectors(size), output_size=size)

    def initial_state(self, batch_size: int) -> Tensor:
        return torch.zeros(batch_size, self.output_size, dtype=torch.float64)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        return state + x, state + x


def test_a_diagonal_state_may_be_wide() -> None:
    x = torch.randn(2, 40, 200, dtype=torch.float64)
    run = newton_in_time(Undecided(200), x)
    assert run.fallback is None
    torch.testing.assert_close(run.outputs, x.cumsum(1))
    torch.testing.assert_close(run.lyapunov, torch.zeros(2, dtype=torch.float64))


class Mixing(SequenceLayer):
    """h_t = h_{t-1} / 2 + x_t * (the other unit) / 4: diagonal where the input is zero."""

    def __init__(self) -> None:
        super().__init__(Vectors(1), output_size=2)

    def initial_state(self, batch_size: int) -> Tensor:
        return torch.ones(batch_size, 2) * torch.tensor([1.0, 2.0])

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        h = state / 2 + x * state.flip(1) / 4
        return h, h


def test_zeros_at_the_start_hide_no_full_jacobian() -> None:
    x = torch.cat([torch.zeros(2, 20, 1), torch.ones(2, 20, 1)], dim=1).requires_grad_()
    layer = Mixing()
    run = newton_in_time(layer, x)
    assert run.fallback is None
    assert run.iterations.tolist() == [1, 1]
    (found,) = torch.autograd.grad(run.outputs.sum(), x)
    (expected,) = torch.autograd.grad(layer(x)[0].sum(), x)
    torch.testing.assert_close(found, expected)


def test_pairs_are_taken_whether_or_not_they_multiply_as_complex_numbers() -> None:
    pairs = torch.randn(2, 30, 80, dtype=torch.float64, generator=torch.Generator().manual_seed(3)).requires_grad_()
    for layer in (Turning(80, shear=0.0), Turning(80, shear=0.5)):
        run, (y, _) = newton_in_time(layer, pairs), layer(pairs)
        assert (run.jacobian, run.fallback) == ("pairs", None)
        torch.testing.assert_close(run.outputs, y)
        found, expected = (torch.autograd.grad(outputs.cos().sum(), pairs)[0] for outputs in (run.outputs, y))
        torch.testing.assert_close(found, expected)


class Turning(SequenceLayer):
    """z_t = A(|z_{t-1}|) z_{t-1} + x_t of pairs z, turned by their length's logarithm and sheared; or turned by 1."""

    def __init__(self, size: int, *, shear: float) -> None:
        super().__init__(Vectors(size), output_size=size)
        self.shear = shear

    def initial_state(self, batch_size: int) -> Tensor:
        return torch.zeros(batch_size, self.output_size, dtype=torch.float64)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        first, second = state.unflatten(1, (-1, 2)).unbind(-1)
        angle = (1 + first**2 + second**2).log() if self.shear else torch.ones(())
        turned = torch.stack(
            [
                angle.cos() * first - angle.sin() * second + self.shear * second,
                angle.sin() * first + angle.cos() * second,
            ],
            dim=-1,
        )
        h = 0.5 * turned.flatten(1) + x
        return h, h


class Threshold(SequenceLayer):
    """h_t = h_{t-1} / 2 + x_t, beyond 100 with a quarter of the other units beside: diagonal wherever one looks."""

    def __init__(self, size: int) -> None:
        super().__init__(Vectors(size), output_size=size)

    def initial_state(self, batch_size: int) -> Tensor:
        return torch.zeros(batch_size, self.output_size, dtype=torch.float64)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        h = state / 2 + x + (state - 100).relu().roll(1, 1) / 4
        return h, h


@pytest.mark.parametrize("size", [2, 70])
def test_a_jacobian_that_is_diagonal_nearly_everywhere_gives_no_wrong_gradients(size: int) -> None:
    x = torch.ones(3, 40, size, dtype=torch.float64)
    x[1, 20, 0] = 500.0
    x.requires_grad_()
    layer = Threshold(size).double()
    run = newton_in_time(layer, x)
    torch.testing.assert_close(run.outputs, layer(x)[0])
    (found,) = torch.autograd.grad(run.outputs.sum(), x)
    (expected,) = torch.autograd.grad(layer(x)[0].sum(), x)
    torch.testing.assert_close(found, expected)
    assert run.fallback is not None
    assert run.fallback.startswith(
        "1 of 3 rows have a Jacobian that is not at all of their states what it is at random ones"
    )
    with pytest.raises(
        UserError, match=r"the Jacobian of Threshold is not diagonal at every step; pass jacobian='full'"
    ):
        newton_in_time(layer, x, jacobian="diagonal")
    if size == 2:
        assert newton_in_time(layer, x, jacobian="full").fallback is None
