"""What goes in and what comes out, and what is said when it does not fit."""

import pytest
import torch

from statewise import tree
from statewise.contract import Tokens, Vectors
from statewise.layers.recurrent.lstm import LSTM
from statewise.layers.recurrent.quasi_rnn import QuasiRNN

from .small import B, Count, D, Decay, H, T


@pytest.mark.parametrize(
    ("shape", "sentence"),
    [
        (
            (B, D),
            r"LSTM reads vectors \(B, T, 3\), got shape \(5, 3\); for a single step call .step, or add the time",
        ),
        ((D,), r"reads vectors \(B, T, 3\), got shape \(3,\)$"),
        ((B, T, 7), r"LSTM reads vectors of size 3, got shape \(5, 9, 7\)$"),
        ((B, D, T), r"is x \(B, D, T\)\? then x.transpose\(1, 2\)"),
    ],
)
def test_a_wrong_shape_is_answered_with_what_was_likely_meant(lstm, shape, sentence):
    with pytest.raises(ValueError, match=sentence):
        lstm(torch.zeros(shape))


def test_tokens_too():
    with pytest.raises(ValueError, match=r"Count reads token numbers .*; for a single step call .step"):
        Count()(torch.zeros(B, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"reads token numbers \(B, T\), got shape \(5, 9, 1\)$"):
        Count()(torch.zeros(B, T, 1, dtype=torch.int64))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_no_steps_give_no_outputs_and_leave_the_state(x, dtype):
    layer = LSTM(input_size=D, hidden_size=H).to(dtype)
    _, state = layer(x.to(dtype))
    y, after = layer(x[:, :0].to(dtype), state)
    assert (tuple(y.shape), y.dtype) == ((B, 0, H), dtype)
    assert after is state


@pytest.mark.parametrize(
    ("x", "sentence"),
    [
        (
            torch.zeros(B, 1, D),
            r"a step of LSTM reads vectors \(B, 3\), got shape \(5, 1, 3\); for a whole .* x.squeeze\(1\)",
        ),
        (torch.zeros(B, T, D), r"for a whole sequence call the layer itself$"),
        (torch.zeros(D), r"got shape \(3,\); add the batch axis with x.unsqueeze\(0\)$"),
        (torch.zeros(B, 7), r"a step of LSTM reads vectors of size 3, got shape \(5, 7\)$"),
        (torch.zeros(B, D).long(), r"reads vectors of torch.float32, got torch.int64; pass x.to\(torch.float32\)$"),
        (
            torch.zeros(B, D).double(),
            r"got torch.float64; pass x.to\(torch.float32\), or take layer.to\(torch.float64\)$",
        ),
        (torch.zeros(B, D, device="meta"), r"LSTM is on cpu, its input on meta; pass x.to\('cpu'\)"),
    ],
)
def test_a_wrong_step_is_answered_likewise(lstm, x, sentence):
    with pytest.raises(ValueError, match=sentence):
        lstm.step(x, lstm.initial_state(B))


@pytest.mark.parametrize("x", [torch.zeros(B, 1, D), torch.zeros(B, D).double(), torch.zeros(B, 7)])
def test_a_stream_says_so_too(lstm, x):
    with pytest.raises(ValueError, match=r"got .*; pass|of size 3, got shape|drop the time axis"):
        lstm.stepper(lstm.initial_state(B))(x)


@pytest.mark.parametrize("layer", [LSTM(input_size=D, hidden_size=H), QuasiRNN(input_size=D, hidden_size=H)])
@pytest.mark.parametrize(
    ("x", "sentence"),
    [
        (torch.zeros(B, T, D).long(), r"reads vectors of torch.float32, got torch.int64; pass x.to"),
        (
            torch.zeros(B, T, D).double(),
            r"got torch.float64; pass x.to\(torch.float32\), or take layer.to\(torch.float64\)$",
        ),
        (torch.zeros(B, T, D, device="meta"), r"is on cpu, its input on meta; pass x.to\('cpu'\)"),
    ],
)
def test_wrong_numbers_are_answered_and_never_taken(layer, x, sentence):
    with pytest.raises(ValueError, match=sentence):
        layer(x)


def test_a_step_from_another_s_state_is_told_of_the_state(lstm):
    x = torch.zeros(B, D)
    with pytest.raises(ValueError, match=r"this is not a state of LSTM for a batch of 5 rows.*initial_state\(rows\)"):
        lstm.step(x, lstm.initial_state(3))
    with pytest.raises(ValueError, match=r"LSTM is on cpu, leaf 'h' of its state on meta"):
        lstm.step(x, tree.map(lambda leaf: leaf.to("meta"), lstm.initial_state(B)))


def test_what_fails_for_another_reason_is_handed_on_as_it_is():
    class Broken(Decay):
        def step(self, x, state):
            raise RuntimeError("a wire is loose")

    for run in (lambda x: Broken().step(x, Broken().initial_state(B)), lambda x: Broken()(x.unsqueeze(1))):
        with pytest.raises(RuntimeError, match="a wire is loose"):
            run(torch.zeros(B, D))


def test_a_float_is_no_token():
    with pytest.raises(ValueError, match=r"a step of Count reads token numbers, got torch.float32; pass x.long\(\)"):
        Count().step(torch.zeros(B), Count().initial_state(B))
    with pytest.raises(ValueError, match=r"reads token numbers \(B,\), got shape \(5, 1\); for a whole sequence"):
        Count().step(torch.zeros(B, 1, dtype=torch.int64), Count().initial_state(B))
    with pytest.raises(ValueError, match=r"Count reads token numbers, got torch.float32; pass x.long\(\)"):
        Count()(torch.zeros(B, T))


def test_no_steps_of_tokens_give_outputs_in_a_floating_dtype():
    y, _ = Count()(torch.zeros(B, 0, dtype=torch.int64))
    assert y.shape == (B, 0, 1)
    assert y.is_floating_point()


def test_no_rows(lstm, x):
    y, state = lstm(x[:0])
    assert y.shape == (0, T, H)
    assert state.h.shape == (0, H)


def test_vectors_of_a_size_are_not_tokens_of_as_many():
    assert Vectors(3) != Tokens(3)


@pytest.mark.parametrize(("input_size", "hidden_size"), [(0, 4), (-1, 4), (3, 0), (3, -2)])
def test_a_layer_reads_and_puts_out_some_numbers(input_size, hidden_size):
    with pytest.raises(ValueError, match="sizes must be at least 1"):
        LSTM(input_size=input_size, hidden_size=hidden_size)
