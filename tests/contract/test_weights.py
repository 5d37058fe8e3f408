"""What is made of weights alone is made once while they are held, and anew otherwise."""

import copy
from threading import Barrier, Thread

import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.nn.utils import parametrize

from statewise import probe
from statewise.contract import SequenceLayer, Vectors, from_weights, weights_held
from statewise.layers.recurrent.orthogonal_rnn import OrthogonalRNN
from statewise.layers.statespace.hyena import Hyena


class Doubling(SequenceLayer):
    """h_t = h_{t-1} + a^2 x_t; counts how often a^2 is worked out."""

    def __init__(self):
        super().__init__(Vectors(2), 2)
        self.a = nn.Parameter(torch.tensor(3.0))
        self.times = 0

    @from_weights
    def square(self):
        self.times += 1
        return self.a**2

    def initial_state(self, batch_size):
        return self.zeros(batch_size, 2)

    def step(self, x, state):
        h = state + self.square() * x
        return h, h


class Two(SequenceLayer):
    """Two of them, one reading what the other puts out."""

    def __init__(self):
        super().__init__(Vectors(2), 2)
        self.inner = nn.ModuleList([Doubling(), Doubling()])

    def initial_state(self, batch_size):
        return tuple(layer.initial_state(batch_size) for layer in self.inner)

    def step(self, x, state):
        after = []
        for layer, inner in zip(self.inner, state, strict=True):
            x, inner = layer.step(x, inner)
            after.append(inner)
        return x, tuple(after)


def test_a_sequence_works_it_out_once_in_every_layer_inside_and_remembers_nothing():
    layer, x = Two(), torch.randn(4, 7, 2)
    layer(x)
    assert [inner.times for inner in layer.inner] == [1, 1]
    with torch.no_grad():
        layer.inner[0].a.fill_(0.0)
    assert layer(x)[0].abs().max() == 0
    assert [inner.times for inner in layer.inner] == [2, 2]


def test_a_step_by_itself_works_it_out_anew_and_a_stream_once():
    layer, x = Doubling(), torch.randn(4, 2)
    state = layer.initial_state(4)
    layer.step(x, state), layer.step(x, state)
    assert layer.times == 2
    stream = layer.stepper(state)
    for _ in range(5):
        y = stream(x)
    assert layer.times == 3
    torch.testing.assert_close(y, 5 * 9 * x)


def test_streams_of_one_layer_keep_the_weights_that_each_began_with():
    layer, x = Doubling(), torch.ones(1, 2)
    before = layer.stepper(layer.initial_state(1))
    before(x)
    with torch.no_grad():
        layer.a.fill_(1.0)
    after = layer.stepper(layer.initial_state(1))
    assert (before(x)[0, 0], after(x)[0, 0]) == (18.0, 1.0)


def test_gradients_reach_the_weight_through_all_steps():
    layer = Doubling()
    layer(torch.ones(1, 3, 2))[0][0, -1, 0].backward()
    assert layer.a.grad == 3 * 2 * 3


def test_while_a_recorder_is_open_it_is_still_worked_out_once():
    layer = Doubling()
    with probe.recording(layer):
        layer(torch.ones(1, 3, 2))
    assert layer.times == 1


class Counted(nn.Module):
    """A copy of a weight; counts how often it is looked at."""

    times = 0

    def forward(self, weight):
        self.times += 1
        return weight * 1


class Scaling(Doubling):
    """h_t = h_{t-1} + a x_t"""

    def step(self, x, state):
        h = state + self.a * x
        return h, h


def test_a_parametrised_weight_is_worked_out_once_a_sequence():
    layer, counted = Scaling(), Counted()
    parametrize.register_parametrization(layer, "a", counted)
    for times in (1, 2):
        counted.times = times - 1
        y, _ = layer(torch.ones(1, 7, 2))
        assert counted.times == times
    assert y[0, -1, 0] == 7 * 3


def test_a_layer_and_its_copy_keep_their_own_parametrised_weights():
    layer = Scaling()
    parametrize.register_parametrization(layer, "a", Counted())
    other = copy.deepcopy(layer)
    with torch.no_grad():
        other.parametrizations.a.original.fill_(5.0)
    with weights_held():
        assert (layer.a, other.a) == (3.0, 5.0)


def test_threads_keep_their_own_parametrised_weights():
    """One holds the weights of a layer, another trains it meanwhile: neither sees what the other worked out."""
    layer, held, seen = Scaling(), Barrier(2), {}
    parametrize.register_parametrization(layer, "a", Counted())

    def look():
        with torch.no_grad(), weights_held():
            seen["before"] = float(layer.a)
            held.wait()
            held.wait()
            seen["after"] = float(layer.a)

    looking = Thread(target=look)
    looking.start()
    held.wait()
    for _ in range(2):
        with weights_held():
            y, _ = layer(torch.ones(1, 2, 2))
        y[0, -1, 0].backward()
        with torch.no_grad():
            layer.parametrizations.a.original -= layer.parametrizations.a.original.grad
            layer.zero_grad()
    held.wait()
    looking.join()
    assert seen == {"before": 3.0, "after": 3.0}
    assert layer.a == 3 - 2 * 2


def test_what_was_worked_out_without_gradients_is_not_taken_where_there_are_some():
    layer = Scaling()
    parametrize.register_parametrization(layer, "a", Counted())
    doubling = Doubling()
    with weights_held():
        with torch.no_grad():
            assert not layer.a.requires_grad
            assert not doubling.square().requires_grad
        assert layer.a.requires_grad
        assert doubling.square().requires_grad


def test_a_step_in_training_looks_at_a_parametrised_weight_once():
    class Twice(Scaling):
        def step(self, x, state):
            h = state + self.a * x - self.a
            return h, h

    layer, counted = Twice(), Counted()
    parametrize.register_parametrization(layer, "a", counted)
    counted.times = 0
    layer.step(torch.ones(1, 2), layer.initial_state(1))
    assert counted.times == 1


def test_another_layers_weights_and_other_weights_of_the_same_are_told_apart():
    layer, x = Doubling(), torch.ones(1, 3, 2)
    doubled = functional_call(layer, {"a": torch.tensor(1.0)}, (x,))[0]
    assert doubled[0, -1, 0] == 3
    assert layer(x)[0][0, -1, 0] == 27


def test_an_inner_block_goes_on_with_what_is_known_around_it_unless_it_brings_its_own():
    layer = Doubling()
    with weights_held():
        layer.square()
        with weights_held():
            layer.square()
        assert layer.times == 1
        with weights_held({}):
            layer.square()
        assert layer.times == 2


@pytest.mark.parametrize(
    ("layer", "name"),
    [
        (OrthogonalRNN(input_size=3, hidden_size=4), "linalg_matrix_exp"),
        (Hyena(input_size=3, hidden_size=4, context_length=8), "sin"),
    ],
)
def test_what_is_known_beforehand_is_a_constant_of_an_exported_step(layer, name):
    class Step(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.known = layer, {}

        def forward(self, x, *state):
            with weights_held(self.known):
                return self.layer.step(x, type(self.layer.initial_state(1))(*state))

    step, given = Step(), (torch.randn(2, 3), *layer.initial_state(2))
    with torch.no_grad():
        expected = step(*given)
        program = torch.export.export(step, given)
    assert name not in str(program.graph)
    torch.testing.assert_close(program.module()(*given), expected)
