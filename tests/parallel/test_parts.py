"""What the search is made of, each against a definition of its own."""

import math

import pytest
import torch

from statewise.contract import SequenceLayer, Vectors
from statewise.layers.recurrent.gru import GRU
from statewise.layers.recurrent.ind_rnn import IndRNN
from statewise.layers.statespace.lru import LRU
from statewise.parallel.block_recurrence import block_recurrence
from statewise.parallel.exponent import largest_exponent
from statewise.parallel.transition import Transition
from statewise.parallel.vectors import Parts, StateVectors


def drawn(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(sum(shape)))


@pytest.mark.parametrize("time", [1, 2, 3, 7, 8, 33])
def test_the_block_recurrence_is_its_loop_and_so_are_its_gradients(time: int) -> None:
    for size in (1, 2, 3, 6):
        a = (drawn(2, time, 6 // size, size, size) / 2).requires_grad_()
        assert_it_is_its_loop(a, drawn(2, time, 6), drawn(2, 6))


@pytest.mark.parametrize("time", [1, 2, 9])
def test_pairs_that_multiply_as_complex_numbers_do_are_the_loop_too(time: int) -> None:
    real, imaginary = drawn(2, time, 3) / 2, drawn(2, time, 3).sin()
    a = torch.stack([torch.stack([real, -imaginary], -1), torch.stack([imaginary, real], -1)], -2)
    assert_it_is_its_loop(a, drawn(2, time, 6), drawn(2, 6))
    a[1, -1, 2, 0, 1] += 0.5
    assert_it_is_its_loop(a, drawn(2, time, 6), drawn(2, 6))


def assert_it_is_its_loop(a: torch.Tensor, b: torch.Tensor, initial: torch.Tensor) -> None:
    """Values, and gradients in whatever wants them, against the matrices written out."""
    leaves = [b.requires_grad_(), initial.requires_grad_(), *([a] if a.requires_grad else [])]
    h, loop = initial, []
    for a_t, b_t in zip(a.unbind(1), b.unbind(1), strict=True):
        matrices = torch.stack([torch.block_diag(*blocks) for blocks in a_t])
        h = torch.einsum("bij,bj->bi", matrices, h) + b_t
        loop.append(h)
    expected, found = torch.stack(loop, dim=1), block_recurrence(a, b, initial)
    torch.testing.assert_close(found, expected)
    cotangent = drawn(*b.shape).cos()
    for ours, theirs in zip(
        torch.autograd.grad(found, leaves, cotangent), torch.autograd.grad(expected, leaves, cotangent), strict=True
    ):
        torch.testing.assert_close(ours, theirs)


def test_nothing_of_the_future_reaches_the_past() -> None:
    a, b = drawn(2, 9, 1, 3, 3), drawn(2, 9, 3)
    clean = block_recurrence(a, b, torch.zeros(2, 3, dtype=torch.float64))
    a[0, 5] = torch.nan
    spoilt = block_recurrence(a, b, torch.zeros(2, 3, dtype=torch.float64))
    assert torch.equal(spoilt[0, :5], clean[0, :5])
    assert torch.equal(spoilt[1], clean[1])


def test_the_exponent_of_a_constant_matrix_is_its_spectral_radius() -> None:
    matrix = torch.tensor([[0.9, 5.0], [0.0, 0.3]], dtype=torch.float64)
    exponent = largest_exponent(matrix.expand(1, 32, 1, 2, 2))
    assert exponent.item() == pytest.approx(math.log(0.9), abs=1e-4)


def test_the_exponent_of_blocks_is_that_of_the_same_matrices() -> None:
    for size in (1, 2):
        blocks = drawn(3, 20, 4 // size, size, size)
        matrices = torch.stack([torch.block_diag(*each) for each in blocks.flatten(0, 1)]).view(3, 20, 1, 4, 4)
        torch.testing.assert_close(largest_exponent(blocks), largest_exponent(matrices))


def test_a_clock_that_others_hear_of_has_the_exponent_0_and_hides_no_chaos() -> None:
    clock = torch.tensor([False, True])
    for own, expected in ((0.5, 0.0), (3.0, math.log(3.0))):
        matrix = torch.tensor([[own, 1e6], [0.0, 1.0]], dtype=torch.float64).expand(1, 8, 1, 2, 2)
        assert largest_exponent(matrix, clock).item() == pytest.approx(expected)


def shear(i: int, j: int) -> SequenceLayer:
    """h = A h, A one but for a 1 more at (i, j), of six numbers."""

    class Shear(SequenceLayer):
        def __init__(self) -> None:
            super().__init__(Vectors(3), output_size=6)

        def initial_state(self, batch_size: int) -> torch.Tensor:
            return self.zeros(batch_size, 6)

        def step(self, x: torch.Tensor, state: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            h = state + torch.nn.functional.pad(state[:, j : j + 1], (i, 5 - i))
            return h, h

    return Shear()


def at(layer: SequenceLayer, *, block: int = 1) -> tuple[Transition, torch.Tensor, Parts]:
    """A layer's step, and where to look at it."""
    step = Transition(layer, StateVectors(layer.initial_state(1)), block=block)
    width = step.vectors.width
    return step, torch.ones(4, 3), Parts(torch.linspace(-1, 1, 4 * width).view(4, width), ())


@pytest.mark.parametrize("size", [1, 2, 3, 6])
def test_one_entry_outside_of_the_blocks_is_seen_wherever_it_stands(size: int) -> None:
    for i in range(6):
        for j in range(6):
            step, x, s = at(shear(i, j))
            assert step.has_blocks(x, s, size).tolist() == [i // size == j // size] * 4, (i, j)


@pytest.mark.parametrize(("layer", "size"), [(IndRNN, 1), (LRU, 2), (GRU, 6)])
def test_layers_have_the_blocks_that_their_equations_say(layer: type[SequenceLayer], size: int) -> None:
    step, x, s = at(layer(input_size=3, hidden_size=6))
    for smaller in (1, 2, 6):
        assert bool(step.has_blocks(x, s, smaller).all()) is (smaller >= size)


class Clocks(SequenceLayer):
    """A clock, one that runs slow, one that hears of another number, and that number."""

    def __init__(self) -> None:
        super().__init__(Vectors(3), output_size=1)

    def initial_state(self, batch_size: int) -> tuple[torch.Tensor, ...]:
        return (*(self.zeros(batch_size) for _ in range(3)), self.zeros(batch_size, 2))

    def step(self, x: torch.Tensor, state: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
        clock, slow, hears, h = state
        return h[:, :1], (clock + x[:, 0], slow * 0.9 + 1, hears + h[:, 0], h * clock.unsqueeze(1))


def test_a_clock_hears_of_itself_alone_and_loses_nothing() -> None:
    step, x, s = at(Clocks())
    assert step.find_clocks(x, s).tolist() == [True, False, False, False, False]


def test_the_jacobian_is_autograds() -> None:
    for layer, block in ((GRU(input_size=3, hidden_size=4), 4), (LRU(input_size=3, hidden_size=4), 2)):
        layer.double()
        step, x, s = at(layer, block=block)
        x, s = x.double(), Parts(s.real.double(), ())
        _, blocks = step.linearised(x, s)
        for row in range(4):
            one = slice(row, row + 1)
            expected = torch.autograd.functional.jacobian(
                lambda v, step=step, x=x[one]: step(x, Parts(v[None], ())).real[0], s.real[row]
            )
            torch.testing.assert_close(torch.block_diag(*blocks[row]), expected)


def test_vectors_go_there_and_back() -> None:
    counts = torch.tensor([3, 2**62 + 1])
    state = {"a": drawn(2, 3, 2), "b": (torch.complex(drawn(2, 2), drawn(2, 2)), drawn(2, 1).float()), "n": counts}
    vectors = StateVectors(state)
    assert vectors.width == 6 + 4 + 1
    back = vectors.state(vectors.parts(state))
    assert torch.equal(back["n"], counts)
    assert torch.equal(back["a"], state["a"])
    assert torch.equal(back["b"][0], state["b"][0])
    assert torch.equal(back["b"][1], state["b"][1])
