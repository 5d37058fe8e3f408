"""What a subclass must write and may not, and where its tensors are made."""

import copy
import pickle

import pytest
import torch
from torch import nn

from statewise import tree
from statewise.combine.residual import Residual
from statewise.combine.stack import Stack
from statewise.contract import SequenceLayer, Vectors
from statewise.laws import check
from statewise.layers.recurrent.gru import GRU

from .small import B, D, Decay, TimedDecay


def test_forward_is_final():
    with pytest.raises(TypeError, match="Own overrides forward, which is final; define step, and _sequence"):

        class Own(Decay):
            def forward(self, x, state=None):
                return x, state


def test_step_and_initial_state_must_be_written():
    class Half(SequenceLayer):
        def initial_state(self, batch_size):
            return ()

    with pytest.raises(TypeError, match="step"):
        Half(Vectors(1), 1)


def test_what_a_subclass_of_a_fast_layer_writes_is_what_runs():
    class Negative(GRU):
        def step(self, x, state):
            y, after = super().step(x, state)
            return -y, after

    class Zero(GRU):
        def _sequence(self, x, state):
            return x.new_zeros(*x.shape[:2], self.output_size), state

    x = torch.randn(2, 5, 3)
    negative, plain = Negative(input_size=3, hidden_size=4), GRU(input_size=3, hidden_size=4)
    plain.load_state_dict(negative.state_dict())
    check(negative)
    torch.testing.assert_close(negative(x)[0], -plain(x)[0])
    assert not Zero(input_size=3, hidden_size=4)(x)[0].any()


def test_zeros_follow_the_parameters(lstm):
    assert lstm.double().initial_state(2).h.dtype == torch.float64
    assert Decay().zeros(2).dtype == torch.float32


def test_a_layer_without_parameters_keeps_the_laws():
    check(Decay())
    check(Stack([Decay(), TimedDecay()]))


@pytest.mark.parametrize("wrapped", [False, True])
def test_zeros_follow_a_layer_without_parameters_wherever_it_goes(wrapped):
    layer = Stack([Residual(Decay())]) if wrapped else Decay()
    for move in (nn.Module.double, nn.Module.bfloat16, lambda module: module.to("meta")):
        moved = move(copy.deepcopy(layer))
        expected = move(nn.Linear(1, 1)).weight
        for state in (moved.zeros(2), *tree.leaves(copy.deepcopy(moved).initial_state(2))):
            assert (state.dtype, state.device) == (expected.dtype, expected.device)


def test_zeros_prefer_real_weights_to_where_the_layer_was_made():
    layer = Decay()
    layer.register_buffer("weights", torch.ones(2, dtype=torch.float64))
    assert layer.zeros(2).dtype == torch.float64


def test_each_layer_of_a_container_keeps_its_own_dtype():
    first, second = Stack([Decay(), Decay().double()]).initial_state(2)
    assert (first.dtype, second.dtype) == (torch.float32, torch.float64)


def test_what_places_a_layer_is_no_weight():
    assert not Decay().state_dict()
    Decay().load_state_dict({})


def test_functional_call_with_weights_of_another_dtype_is_answered_in_it(lstm, x):
    double = {name: value.double() for name, value in lstm.named_parameters()}
    expected = copy.deepcopy(lstm).double()(x.double())
    for state in (None, lstm.double().initial_state(B)):
        found = torch.func.functional_call(lstm.float(), double, (x.double(), state))
        torch.testing.assert_close(found, expected)


def test_a_layer_survives_pickling(x):
    layer = Decay()
    expected = layer(x, torch.ones(B, D))
    torch.testing.assert_close(pickle.loads(pickle.dumps(layer))(x, torch.ones(B, D)), expected)
