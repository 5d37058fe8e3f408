"""Whole stacks of torch.nn, there and back."""

import pytest
import torch
from torch import nn

from statewise import tree
from statewise.combine.stack import Stack
from statewise.layers.recurrent.gru import GRU
from statewise.layers.recurrent.interop import from_torch, state_from_torch, state_to_torch, to_torch
from statewise.layers.recurrent.lstm import LSTM
from statewise.layers.recurrent.rnn import RNN

B, T, D, H, LAYERS = 5, 9, 3, 4, 3
MODULES = {
    "tanh": lambda: nn.RNN(D, H, LAYERS, batch_first=True),
    "relu": lambda: nn.RNN(D, H, LAYERS, nonlinearity="relu", batch_first=True),
    "lstm": lambda: nn.LSTM(D, H, LAYERS, batch_first=True),
    "gru": lambda: nn.GRU(D, H, LAYERS, batch_first=True),
}


def stacked(name):
    torch.manual_seed(0)
    module = MODULES[name]().double()
    x = torch.randn(B, T, D, dtype=torch.float64)
    leaves = torch.randn(2, LAYERS, B, H, dtype=torch.float64)
    return module, x, (leaves[0], leaves[1]) if name == "lstm" else leaves[0]


def same(one, other):
    torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", MODULES)
def test_a_stack_of_theirs_runs_as_ours(name):
    module, x, state = stacked(name)
    layers = from_torch(module)
    y, after = Stack(layers)(x, state_from_torch(layers, state))
    expected, expected_after = module(x, state)
    same(y, expected)
    same(state_to_torch(after), expected_after)


@pytest.mark.parametrize("name", MODULES)
def test_gradients_of_a_stack(name):
    module, x, _ = stacked(name)
    ours = Stack(from_torch(module))
    ours(x)[0].square().sum().backward()
    module(x)[0].square().sum().backward()
    for parameter, other in zip(ours.parameters(), module.parameters(), strict=True):
        same(parameter.grad, other.grad)


@pytest.mark.parametrize("name", MODULES)
def test_there_and_back(name):
    module, x, state = stacked(name)
    back = to_torch(from_torch(module))
    assert type(back) is type(module)
    assert back.batch_first
    assert list(back.state_dict()) == list(module.state_dict())
    same(back(x, state), module(x, state))


@pytest.mark.parametrize("name", MODULES)
def test_state_there_and_back(name):
    module, _, state = stacked(name)
    layers = from_torch(module)
    ours = state_from_torch(layers, state)
    assert tree.form(ours) == tree.form(tuple(layer.initial_state(B) for layer in layers))
    same(state_to_torch(ours), state)


def test_weights_are_copied():
    module = nn.LSTM(D, H)
    (layer,) = from_torch(module)
    nn.init.zeros_(layer.weight_hh_l0)
    assert module.weight_hh_l0.any()


@pytest.mark.parametrize(
    ("module", "says"),
    [
        (nn.LSTM(D, H, bidirectional=True), "bidirectional"),
        (nn.LSTM(D, H, proj_size=2), "proj_size=2"),
        (nn.GRU(D, H, bias=False), "without biases"),
        (nn.GRU(D, H, 2, dropout=0.5), r"dropout=0\.5"),
        (nn.Linear(D, H), "got Linear"),
    ],
)
def test_what_has_no_counterpart_is_refused(module, says):
    with pytest.raises(ValueError, match=says):
        from_torch(module)


@pytest.mark.parametrize(
    ("layers", "says"),
    [
        ([], "no layers"),
        ([RNN(input_size=D, hidden_size=H, activation="sigmoid")], "not sigmoid"),
        ([GRU(input_size=D, hidden_size=H, reset_placement="before")], "resets before"),
        ([LSTM(input_size=D, hidden_size=H), GRU(input_size=H, hidden_size=H)], "one kind, got LSTM below GRU"),
        (
            [RNN(input_size=D, hidden_size=H), RNN(input_size=H, hidden_size=H, activation="relu")],
            "got tanh RNN below relu RNN",
        ),
        ([LSTM(input_size=D, hidden_size=H), LSTM(input_size=H, hidden_size=5)], "one width"),
        ([LSTM(input_size=D, hidden_size=H), LSTM(input_size=D, hidden_size=H)], "one width"),
    ],
)
def test_what_torch_cannot_stack_is_refused(layers, says):
    with pytest.raises(ValueError, match=says):
        to_torch(layers)


def test_a_state_that_does_not_fit_is_refused():
    layers = from_torch(nn.LSTM(D, H, 2))
    h = torch.zeros(2, B, H)
    for wrong in (h, (h[:1], h[:1]), (h[0], h[0])):
        with pytest.raises(ValueError, match="two of these for an LSTM"):
            state_from_torch(layers, wrong)
    with pytest.raises(ValueError, match="of 1 layers"):
        state_from_torch(from_torch(nn.GRU(D, H)), (h[:1], h[:1]))
