"""A decoder's state has an axis as long as its source; what holds a decoder takes such states too, and no others."""

from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

from statewise.combine.residual import PreNorm, Residual
from statewise.combine.stack import Stack
from statewise.contract import Decoder, Model, SequenceLayer, Vectors
from statewise.layers.recurrent.gru import GRU

WIDTH = 3


class State(NamedTuple):
    source: Tensor
    """(B, S, 3)"""
    lengths: Tensor
    """(B,) int64"""
    steps: Tensor
    """(B,) int64"""


class RoundAndRound(Decoder):
    """y_t = x_t + (source, a zero vector behind it)[t mod (length + 1)]."""

    def __init__(self) -> None:
        super().__init__(Vectors(WIDTH), WIDTH, memory_size=WIDTH)

    def _start(self, memory: Tensor, lengths: Tensor) -> State:
        return State(memory, lengths, torch.zeros_like(lengths))

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        at = (state.steps % (state.lengths + 1)).view(-1, 1, 1).expand(-1, 1, WIDTH)
        told = nn.functional.pad(state.source, (0, 0, 0, 1)).gather(1, at).squeeze(1)
        return x + told, state._replace(steps=state.steps + 1)


class MarksTheEnd(RoundAndRound):
    """Keeps the zero vector behind the source, and so an axis of length 1 for no source."""

    def _start(self, memory: Tensor, lengths: Tensor) -> State:
        return State(nn.functional.pad(memory, (0, 0, 0, 1)), lengths, torch.zeros_like(lengths))


def held(kind: str) -> tuple[SequenceLayer, RoundAndRound]:
    decoder = RoundAndRound()
    layers: dict[str, SequenceLayer] = {
        "alone": decoder,
        "residual": Residual(PreNorm(decoder)),
        "model": Model(Residual(decoder), nn.Linear(WIDTH, 2), 2),
    }
    return layers[kind], decoder


@pytest.mark.parametrize("kind", ["alone", "residual", "model"])
def test_states_of_any_source_length_are_taken(kind: str):
    layer, decoder = held(kind)
    x = torch.randn(2, 4, WIDTH)
    for length in (4, 7, 0, 4):
        y, state = layer(x, decoder.start(torch.randn(2, length, WIDTH)))
        again, _ = layer(x[:, 2:], layer(x[:, :2], decoder.start(state.source))[1])
        torch.testing.assert_close(y[:, 2:], again)


@pytest.mark.parametrize("kind", ["alone", "residual", "model"])
def test_a_reset_is_a_start_on_an_empty_source(kind: str):
    layer, decoder = held(kind)
    x, reset = torch.randn(2, 5, WIDTH), torch.tensor([[False] * 5, [False, False, True, False, False]])
    y, state = layer(x, decoder.start(torch.randn(2, 4, WIDTH)), reset=reset)
    torch.testing.assert_close(y[1, 2:], layer(x[1:, 2:])[0][0])
    assert state.steps.tolist() == [5, 3]


def test_a_stack_takes_a_decoder_beside_others_and_refuses_what_is_no_state_of_it():
    decoder = RoundAndRound()
    stack = Stack([GRU(input_size=WIDTH, hidden_size=WIDTH), decoder])
    x = torch.randn(2, 4, WIDTH)
    below = stack.layers[0].initial_state(2)
    _, state = stack(x, (below, decoder.start(torch.randn(2, 4, WIDTH))))
    assert state[1].source.shape == (2, 4, WIDTH)
    for wrong in ((below,), below, (below, below)):
        with pytest.raises(ValueError, match="not a state of Stack"):
            stack(x, wrong)


def test_the_axis_of_the_source_is_free_and_no_other():
    decoder, x = RoundAndRound(), torch.randn(2, 4, WIDTH)
    right = decoder.start(torch.randn(2, 4, WIDTH))
    for wrong in (
        right._replace(source=right.source[..., :2]),
        right._replace(source=right.source[:1]),
        right._replace(source=right.source[:, 0]),
        right._replace(steps=right.steps.unsqueeze(1)),
        right._replace(source=right.source.double()),
        right._replace(source=1.0),
    ):
        with pytest.raises(ValueError, match="not a state of RoundAndRound for a batch of 2 rows: its leaf"):
            decoder(x, wrong)


@pytest.mark.parametrize("lengths", [None, torch.tensor([0, 3])])
def test_an_axis_that_grows_with_the_source_must_be_empty_without_one(lengths: Tensor | None):
    with pytest.raises(
        ValueError, match=r"MarksTheEnd starts on a source of 4 steps .* must be empty where the source"
    ):
        MarksTheEnd().start(torch.randn(2, 4, WIDTH), lengths)


def test_a_reset_row_beside_a_source_of_one_step_keeps_the_other_row_its_source():
    """(B, 0) and (B, 1) broadcast to (B, 0)."""
    decoder, x = RoundAndRound(), torch.randn(2, 3, WIDTH)
    start = decoder.start(torch.randn(2, 1, WIDTH))
    y, state = decoder(x, start, reset=torch.tensor([[True, False, False], [False] * 3]))
    torch.testing.assert_close(y[1], decoder(x, start)[0][1])
    assert state.source.shape == (2, 1, WIDTH)


def test_to_look_at_a_state_draws_no_noise():
    decoder, x = RoundAndRound(), torch.randn(1, 1, WIDTH)
    torch.manual_seed(0)
    before = torch.get_rng_state()
    decoder(x, decoder.start(torch.zeros(1, 2, WIDTH)), reset=torch.tensor([[True]]))
    assert torch.equal(before, torch.get_rng_state())
