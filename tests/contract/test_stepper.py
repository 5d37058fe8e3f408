import pytest
import torch

from statewise.combine.residual import PreNorm, Residual
from statewise.combine.stack import Stack
from statewise.combine.wrapper import Wrapper
from statewise.contract import PlainStepper, SequenceLayer, Stepper, Vectors
from statewise.layers.recurrent.gru import GRU
from statewise.layers.recurrent.lstm import LSTM


class Counted(LSTM):
    """Its stepper says that it was used."""

    def stepper(self, state) -> Stepper:
        return _Counting(self, state)


class PlainLSTM(LSTM):
    """It has the stepper of the base class."""

    def step(self, x, state):
        return super().step(x, state)


class _Counting(PlainStepper):
    calls = 0

    def __call__(self, x):
        _Counting.calls += 1
        return super().__call__(x)


def test_a_stack_and_its_wrappers_step_with_the_steppers_inside():
    stack = Stack([Residual(PreNorm(Counted(input_size=3, hidden_size=3))), Counted(input_size=3, hidden_size=4)])
    x, before = torch.randn(5, 3), _Counting.calls
    stream = stack.stepper(stack.initial_state(5))
    y, state = stack.step(x, stack.initial_state(5))
    torch.testing.assert_close(stream(x), y)
    torch.testing.assert_close(stream.state, state)
    assert _Counting.calls == before + 2
    assert not stream(x).requires_grad


def test_who_redefines_step_does_not_inherit_what_equals_another_step():
    class Halved(Wrapper):
        def step(self, x, state):
            y, state = self.layer.step(x, state)
            return y / 2, state

    class Twice(Counted):
        def step(self, x, state):
            y, state = super().step(x, state)
            return 2 * y, state

    for layer in (Halved(LSTM(input_size=3, hidden_size=4)), Twice(input_size=3, hidden_size=4)):
        x, state = torch.randn(5, 3), layer.initial_state(5)
        torch.testing.assert_close(layer.stepper(state)(x), layer.step(x, state)[0])


def test_the_state_that_is_asked_for_is_a_copy():
    class Sum(SequenceLayer):
        def __init__(self):
            super().__init__(Vectors(1), 1)

        def initial_state(self, batch_size):
            return self.zeros(batch_size, 1)

        def step(self, x, state):
            return state + x, state + x

    stream = Sum().stepper(torch.zeros(2, 1))
    stream(torch.ones(2, 1))
    stream.state.fill_(7.0)
    assert stream(torch.ones(2, 1)).tolist() == [[2.0], [2.0]]


def test_a_stream_starts_from_a_state_of_its_layer_only():
    layer = LSTM(input_size=3, hidden_size=4)
    others = (
        GRU(input_size=3, hidden_size=4).initial_state(2),
        LSTM(input_size=3, hidden_size=5).initial_state(2),
        layer.initial_state(2)._replace(c=torch.zeros(3, 4)),
        LSTM(input_size=3, hidden_size=4).double().initial_state(2),
        None,
        2,
    )
    for of in (layer, Residual(PreNorm(LSTM(input_size=4, hidden_size=4))), PlainLSTM(input_size=3, hidden_size=4)):
        for state in others:
            with pytest.raises(ValueError, match="this is not a state of"):
                of.stepper(state)
        of.stepper(of.initial_state(2))
