"""States are taken as they are returned, and others are refused with a sentence."""

import pytest
import torch

from statewise.combine.dropout import Dropout
from statewise.layers.recurrent.gru import GRU
from statewise.layers.recurrent.lstm import LSTM, LSTMState

from .small import B, D, Decay, H


def test_none_is_the_initial_state(lstm, x):
    torch.testing.assert_close(lstm(x), lstm(x, lstm.initial_state(B)), rtol=0, atol=0)


def refused(layer, x, state) -> str:
    with pytest.raises(ValueError, match="this is not a state of LSTM for a batch of 5 rows: ") as caught:
        layer(x, state)
    message = str(caught.value)
    assert message.endswith("; states are batch first; pass the state that LSTM returned, or None to start")
    assert "\n" not in message
    return message


def test_the_state_of_another_layer_is_refused_with_a_sentence(lstm, x):
    _, foreign = GRU(input_size=D, hidden_size=H)(x)
    assert "it has the structure GRUState(h=*), expected LSTMState(h=*, c=*);" in refused(lstm, x, foreign)


def test_a_bare_tuple_is_not_the_named_one(lstm, x):
    _, state = lstm(x)
    assert "it has the structure (*, *), expected LSTMState(h=*, c=*);" in refused(lstm, x, tuple(state))


def test_the_state_of_a_wider_layer_is_refused_by_leaf(lstm, x):
    _, wide = LSTM(input_size=D, hidden_size=H + 1)(x)
    assert "its leaf 'h' has shape (5, 5), expected (5, 4);" in refused(lstm, x, wide)


def test_the_state_of_another_batch_is_refused(lstm, x):
    message = refused(lstm, x, lstm.initial_state(B - 1))
    assert "its leaf 'h' has shape (4, 4), expected (5, 4);" in message


def test_the_state_of_torch_with_layers_first_is_refused(lstm, x):
    layers_first = LSTMState(torch.zeros(1, B, H), torch.zeros(1, B, H))
    assert "its leaf 'h' has shape (1, 5, 4), expected (5, 4);" in refused(lstm, x, layers_first)


def test_the_state_of_another_precision_is_refused(lstm, x):
    state = lstm.initial_state(B)
    message = refused(lstm, x, state._replace(c=state.c.double()))
    assert "its leaf 'c' has dtype torch.float64, expected torch.float32;" in message


def test_a_step_is_refused_the_state_that_makes_its_output_more_precise(x):
    layer = Decay()
    with pytest.raises(ValueError, match=r"not a state of Decay .* dtype torch.float64, expected torch.float32"):
        layer.step(x[:, 0], layer.initial_state(B).double())


def test_what_is_no_tensor_is_refused(lstm, x):
    assert "its leaf 'c' is None, not a tensor;" in refused(lstm, x, lstm.initial_state(B)._replace(c=None))


def test_a_layer_that_was_moved_takes_its_new_states_and_no_old_ones(lstm, x):
    _, old = lstm(x)
    lstm(x, old)
    lstm.double()
    lstm(x.double(), lstm.initial_state(B))
    assert "has dtype torch.float32, expected torch.float64;" in refused(lstm, x.double(), old)


def test_states_may_be_nested_in_any_way(x):
    class Nested(Decay):
        def initial_state(self, batch_size):
            return {"a": [super().initial_state(batch_size)], "b": ()}

        def step(self, x, state):
            y, h = super().step(x, state["a"][0])
            return y, {"a": [h], "b": ()}

    layer, expected = Nested(), Decay()(x)[0]
    first, state = layer(x[:, :4])
    second, _ = layer(x[:, 4:], state)
    torch.testing.assert_close(torch.cat([first, second], dim=1), expected)
    with pytest.raises(
        ValueError, match=r"structure \{'a': \[\*, \*\], 'b': \(\)\}, expected \{'a': \[\*\], 'b': \(\)\}"
    ):
        layer(x, {"a": state["a"] * 2, "b": ()})


def test_looking_at_the_state_draws_no_random_number(x):
    layer = Dropout(width=D, rate=0.5)
    state = layer.initial_state(B)
    before = torch.get_rng_state()
    layer(x, state)
    assert bool((torch.get_rng_state() == before).all())
