"""The first blocks of a stack are a layer like any other, sharing parameters and the form of the state."""

import pytest
import torch

from statewise import tree
from statewise.combine.blocks import Blocks
from statewise.combine.dense import Dense
from statewise.combine.dropout import Dropout
from statewise.combine.stack import Stack
from statewise.combine.wrapper import Wrapper
from statewise.contract import SequenceLayer
from statewise.laws.check import LAWS, check_law
from statewise.layers.recurrent.gru import GRU
from statewise.layers.recurrent.lstm import LSTM


def layers() -> tuple[list[list[SequenceLayer]], list[SequenceLayer]]:
    low: list[SequenceLayer] = [LSTM(input_size=3, hidden_size=4)]
    high: list[SequenceLayer] = [Dropout(width=4, rate=0.5), GRU(input_size=4, hidden_size=4)]
    return [low, high], [GRU(input_size=4, hidden_size=5)]


class First(Wrapper):
    """The first blocks beside the whole, which they take the others' states from."""

    def __init__(self, blocks: list[list[SequenceLayer]], end: list[SequenceLayer], number: int) -> None:
        whole = Blocks(blocks, end)
        super().__init__(whole.first(number))
        self.whole = whole


@pytest.mark.parametrize("number", [1, 2])
def test_the_first_blocks_keep_the_laws(number: int):
    """But for one law where a block does not run: its parameters are not reached."""
    for name in LAWS.keys() - ({"gradients"} if number == 1 else set()):
        check_law(name, First(*layers(), number))


def test_the_first_blocks_are_the_stack_of_their_layers():
    (low, high), end = layers()
    blocks = Blocks([low, high], end).eval()
    x = torch.randn(2, 7, 3)
    assert torch.equal(blocks(x)[0], Stack([*low, *high, *end])(x)[0])
    assert torch.equal(blocks.first(1)(x)[0], Stack([*low, *end])(x)[0])
    assert torch.equal(blocks.first(2)(x)[0], blocks(x)[0])
    assert {id(p) for p in blocks.first(1).parameters()} == {id(p) for part in (*low, *end) for p in part.parameters()}
    assert blocks.depth == 2
    assert [blocks.block(number) for number in range(2)] == [low, high]


def test_states_of_the_others_pass_through():
    blocks = Blocks(*layers()).eval()
    x = torch.randn(2, 7, 3)
    warm = blocks(x)[1]
    after = blocks.first(1)(x, warm)[1]
    for place, (before, now) in enumerate(zip(warm, after, strict=True)):
        same = all(torch.equal(a, b) for a, b in zip(tree.leaves(before), tree.leaves(now), strict=True))
        assert same == (place in (1, 2))
    assert blocks(x, after)[0].shape == (2, 7, 5)


def dense() -> tuple[list[list[SequenceLayer]], list[SequenceLayer]]:
    low, high = (Dense(LSTM(input_size=width, hidden_size=2)) for width in (3, 5))
    return [[low], [high]], [GRU(input_size=7, hidden_size=4)]


def test_zeros_stand_for_what_dense_blocks_to_come_would_add():
    """An LSTM whose weights are all 0 puts out 0."""
    blocks = Blocks(*dense()).eval()
    x = torch.randn(2, 7, 3)
    found, state = blocks.first(1)(x)
    with torch.no_grad():
        for parameter in blocks.block(1)[0].parameters():
            parameter.zero_()
    expected, after = blocks(x)
    assert torch.equal(found, expected)
    assert all(torch.equal(a, b) for a, b in zip(tree.leaves(state), tree.leaves(after), strict=True))


def test_the_first_dense_blocks_keep_the_laws():
    for name in LAWS.keys() - {"gradients"}:
        check_law(name, First(*dense(), 1))


@pytest.mark.parametrize("number", [0, 3])
def test_blocks_that_are_not_there_are_refused(number: int):
    with pytest.raises(ValueError, match="there are 2 blocks"):
        Blocks(*layers()).first(number)
