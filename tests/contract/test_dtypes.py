"""The state's dtype is that of the initial state, whatever a layer returns."""

import pytest
import torch

from statewise import tree
from statewise.combine.residual import Residual
from statewise.combine.stack import Stack
from statewise.layers.recurrent.lstm import LSTM

from .small import B, Count, D, Decay, H, T


class Narrow(Decay):
    """A layer that takes no care of its state's dtype."""

    def step(self, x, state):
        h = (state @ torch.eye(D, dtype=state.dtype)) / 2 + x
        return h, h.bfloat16()


class NarrowAtOnce(Narrow):
    def _sequence(self, x, state):
        y, state = super()._sequence(x, state)
        return y, state.bfloat16()


@pytest.mark.parametrize("layer", [Narrow(), NarrowAtOnce(), Stack([Residual(Narrow())])])
@pytest.mark.parametrize("autocast", [False, True])
def test_the_state_keeps_its_dtype_whatever_a_layer_returns(layer, autocast, x):
    state = layer.initial_state(B)
    reset = torch.zeros(B, T, dtype=torch.bool)
    reset[1, 3] = True
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
        runs = [layer.step(x[:, 0], state), layer(x, state), layer(x), layer(x, reset=reset)]
    for _, after in runs:
        tree.map(assert_same_dtype, state, after)


def assert_same_dtype(kept, leaf):
    assert leaf.dtype == kept.dtype


def test_a_step_of_a_step_gives_the_state_the_dtype_it_had(x):
    class Again(Narrow):
        def step(self, x, state):
            return super().step(x, super().step(x, state)[1])

    assert Again().step(x[:, 0], torch.zeros(B, D))[1].dtype == torch.float32


class Within(Decay):
    """Its state is that of the class above beside a count, which the step above does not know."""

    def initial_state(self, batch_size):
        return super().initial_state(batch_size), torch.zeros(batch_size, dtype=torch.int64)

    def step(self, x, state):
        y, h = super().step(x, state[0])
        return y, (h, state[1] + 1)


@pytest.mark.parametrize("layer", [Decay(), Within(), Stack([Residual(Decay())])])
def test_a_step_refuses_a_state_of_another_dtype_also_after_the_layer_changed_its_own(layer, x):
    state = layer.initial_state(B)
    _, after = layer.step(x[:, 0], state)
    layer.step(x[:, 1], after)
    double = tree.map(lambda leaf: leaf.double() if leaf.is_floating_point() else leaf, after)
    with pytest.raises(ValueError, match=r"not a state of .* torch.float64, expected torch.float32; .* pass the state"):
        layer.step(x[:, 1], double)
    layer.double().step(x[:, 1].double(), double)
    with pytest.raises(ValueError, match=r"torch.float32, expected torch.float64"):
        layer.step(x[:, 1].double(), after)


def test_whole_numbers_are_not_silently_rounded(x):
    class Halves(Count):
        def step(self, x, state):
            return state.double(), state + 0.5

    layer = Halves()
    for run in (lambda: layer.step(x[:, 0, 0].long(), layer.initial_state(B)), lambda: layer(x[..., 0].long())):
        with pytest.raises(ValueError, match=r"a state's leaf of torch.int64 came back as torch.float32"):
            run()


def test_another_structure_is_named(lstm, x):
    class Bare(LSTM):
        def step(self, x, state):
            y, after = super().step(x, state)
            return y, tuple(after)

    with pytest.raises(ValueError, match=r"a state of structure LSTMState\(h=\*, c=\*\) came back as \(\*, \*\)"):
        Bare(input_size=D, hidden_size=H).step(x[:, 0], lstm.initial_state(B))
