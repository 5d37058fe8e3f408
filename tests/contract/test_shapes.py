"""What goes in and what comes out, and what is said when it does not fit."""

import pytest
import torch

from statewise.contract import Tokens, Vectors
from statewise.layers.recurrent.lstm import LSTM

from .small import B, Count, D, H, T


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
