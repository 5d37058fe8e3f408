"""What the search is made of, each against a definition of its own."""

import math

import pytest
import torch

from statewise.layers.recurrent.gru import GRU
from statewise.layers.recurrent.ind_rnn import IndRNN
from statewise.parallel.block_recurrence import block_recurrence
from statewise.parallel.exponent import largest_exponent
from statewise.parallel.transition import Transition
from statewise.parallel.vectors import StateVectors


def drawn(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(sum(shape)))


@pytest.mark.parametrize("time", [1, 2, 3, 7, 8, 33])
def test_the_block_recurrence_is_its_loop_and_so_are_its_gradients(time: int) -> None:
    a, b, initial = (drawn(2, time, 3, 3) / 2, drawn(2, time, 3), drawn(2, 3))
    leaves = [tensor.requires_grad_() for tensor in (a, b, initial)]
    h, loop = initial, []
    for a_t, b_t in zip(a.unbind(1), b.unbind(1), strict=True):
        h = torch.einsum("bij,bj->bi", a_t, h) + b_t
        loop.append(h)
    expected, found = torch.stack(loop, dim=1), block_recurrence(a, b, initial)
    torch.testing.assert_close(found, expected)
    cotangent = drawn(2, time, 3).cos()
    for ours, theirs in zip(
        torch.autograd.grad(found, leaves, cotangent), torch.autograd.grad(expected, leaves, cotangent), strict=True
    ):
        torch.testing.assert_close(ours, theirs)


def test_nothing_of_the_future_reaches_the_past() -> None:
    a, b = drawn(2, 9, 3, 3), drawn(2, 9, 3)
    clean = block_recurrence(a, b, torch.zeros(2, 3, dtype=torch.float64))
    a[0, 5] = torch.nan
    spoilt = block_recurrence(a, b, torch.zeros(2, 3, dtype=torch.float64))
    assert torch.equal(spoilt[0, :5], clean[0, :5])
    assert torch.equal(spoilt[1], clean[1])


def test_the_exponent_of_a_constant_matrix_is_its_spectral_radius() -> None:
    matrix = torch.tensor([[0.9, 5.0], [0.0, 0.3]], dtype=torch.float64)
    exponent = largest_exponent(matrix.expand(1, 32, 2, 2))
    assert exponent.item() == pytest.approx(math.log(0.9), abs=1e-4)


def test_the_exponent_of_diagonals_is_that_of_the_same_matrices() -> None:
    diagonals = drawn(3, 20, 4)
    torch.testing.assert_close(largest_exponent(diagonals), largest_exponent(diagonals.diag_embed()))


def test_a_diagonal_jacobian_is_told_from_a_full_one() -> None:
    for layer, diagonal in (
        (IndRNN(input_size=3, hidden_size=6), True),
        (GRU(input_size=3, hidden_size=6), False),
    ):
        vectors = StateVectors(layer.initial_state(1))
        step = Transition(layer, vectors, diagonal=False)
        assert step.is_diagonal(torch.ones(4, 3), torch.ones(4, 6)).tolist() == [diagonal] * 4


def test_one_entry_beside_the_diagonal_is_seen_wherever_it_stands() -> None:
    class Shear(GRU):
        place = (0, 0)

        def step(self, x: torch.Tensor, state: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            matrix = torch.eye(5).index_put(
                (torch.tensor(self.place[0]), torch.tensor(self.place[1])), torch.tensor(1.0)
            )
            h = state @ matrix.T
            return h, h

    layer = Shear(input_size=3, hidden_size=5)
    step = Transition(layer, StateVectors(torch.zeros(1, 5)), diagonal=False)
    for i in range(5):
        for j in range(5):
            layer.place = (i, j)
            assert step.is_diagonal(torch.ones(2, 3), torch.ones(2, 5)) is (i == j)


def test_the_jacobian_is_autograds() -> None:
    layer = GRU(input_size=3, hidden_size=4).double()
    state, x = layer.initial_state(2), drawn(2, 3)
    vectors = StateVectors(state)
    step, s = Transition(layer, vectors, diagonal=False), drawn(2, 4)
    _, jacobian = step.linearised(x, s)
    for row in range(2):
        one = slice(row, row + 1)
        expected = torch.autograd.functional.jacobian(lambda v, one=one: step(x[one], v[None])[0], s[row])
        torch.testing.assert_close(jacobian[row], expected)


def test_vectors_go_there_and_back() -> None:
    state = {"a": drawn(2, 3, 2), "b": (torch.complex(drawn(2, 2), drawn(2, 2)), drawn(2, 1).float())}
    vectors = StateVectors(state)
    assert vectors.width == 6 + 4 + 1
    back = vectors.state(vectors.vector(state))
    assert torch.equal(back["a"], state["a"])
    assert torch.equal(back["b"][0], state["b"][0])
    assert torch.equal(back["b"][1], state["b"][1])
