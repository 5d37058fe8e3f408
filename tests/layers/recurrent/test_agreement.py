"""Agreement with torch.nn, which we did not write: outputs, states and every gradient, to 1e-12 in float64."""

import copy
import warnings

import pytest
import torch
from torch import nn

from statewise import probe, tree
from statewise.contract import SequenceLayer
from statewise.layers.recurrent.gru import GRU
from statewise.layers.recurrent.lstm import LSTM
from statewise.layers.recurrent.rnn import RNN

B, T, D, H = 5, 9, 3, 4
PAIRS = {
    "tanh": (RNN, {"activation": "tanh"}, nn.RNN, {"nonlinearity": "tanh"}),
    "relu": (RNN, {"activation": "relu"}, nn.RNN, {"nonlinearity": "relu"}),
    "lstm": (LSTM, {}, nn.LSTM, {}),
    "gru": (GRU, {}, nn.GRU, {}),
}
pytestmark = pytest.mark.parametrize("name", PAIRS)


def pair(name, *, dtype=torch.float64, device="cpu"):
    """A layer of ours and a module of theirs that hands it its weights through ``state_dict``."""
    ours, options, theirs, their_options = PAIRS[name]
    torch.manual_seed(0)
    module = theirs(D, H, batch_first=True, **their_options).to(device, dtype)
    layer = ours(input_size=D, hidden_size=H, **options).to(device, dtype)
    layer.load_state_dict(module.state_dict())
    return layer, module


def example(layer, seed=1):
    generator = torch.Generator().manual_seed(seed)
    like = layer.weight_ih_l0
    x = torch.randn(B, T, D, generator=generator, dtype=torch.float64).to(like).requires_grad_()
    state = tree.map(
        lambda leaf: torch.randn(leaf.shape, generator=generator, dtype=torch.float64).to(like).requires_grad_(),
        layer.initial_state(B),
    )
    return x, state


def run_ours(layer, x, state, *, loop):
    return SequenceLayer._sequence(layer, x, state) if loop else layer(x, state)


def run_theirs(module, x, state):
    leaves = tuple(leaf.unsqueeze(0) for leaf in state)
    y, after = module(x, leaves if isinstance(module, nn.LSTM) else leaves[0])
    return y, tuple(leaf[0] for leaf in (after if isinstance(after, tuple) else (after,)))


def gradients(y, after, wanted):
    generator = torch.Generator().manual_seed(2)
    cotangents = [torch.randn(t.shape, generator=generator, dtype=torch.float64).to(t) for t in (y, *after)]
    return torch.autograd.grad((y, *after), wanted, cotangents)


def assert_same(ours, theirs, tolerance=1e-12):
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("loop", [False, True], ids=["fused", "loop of steps"])
@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
def test_outputs_states_and_gradients(name, loop, training):
    layer, module = pair(name)
    layer.train(training)
    x, state = example(layer)
    y, after = run_ours(layer, x, state, loop=loop)
    expected, expected_after = run_theirs(module, x, state)
    assert_same((y, *after), (expected, *expected_after))
    assert_same(
        gradients(y, after, [*layer.parameters(), x, *state]),
        gradients(expected, expected_after, [*module.parameters(), x, *state]),
    )


def test_weights_go_both_ways(name):
    layer, module = pair(name)
    other = copy.deepcopy(module)
    nn.init.zeros_(other.weight_hh_l0)
    other.load_state_dict(layer.state_dict())
    assert list(layer.state_dict()) == list(module.state_dict())
    assert_same(other.state_dict().values(), module.state_dict().values(), tolerance=0)


def test_uniform_initialisation_is_theirs(name):
    ours, options, theirs, their_options = PAIRS[name]
    plain = {"forget_bias": None} if ours is LSTM else {}
    torch.manual_seed(3)
    module = theirs(D, H, **their_options)
    torch.manual_seed(3)
    layer = ours(input_size=D, hidden_size=H, initialization="uniform", **options, **plain)
    assert_same(layer.state_dict().values(), module.state_dict().values(), tolerance=0)


def test_float32_is_near(name):
    layer, module = pair(name, dtype=torch.float32)
    x, state = example(layer)
    y, after = layer(x, state)
    expected, expected_after = run_theirs(module, x, state)
    assert_same((y, *after), (expected, *expected_after), tolerance=1e-6)


def test_no_rows_are_fine(name):
    layer, _ = pair(name)
    y, after = layer(torch.zeros(0, T, D, dtype=torch.float64))
    assert y.shape == (0, T, H)
    assert all(leaf.shape == (0, H) for leaf in after)


def test_states_from_anywhere_are_taken(name):
    """A state that is a strided or an expanded view of something larger."""
    layer, _ = pair(name)
    x, state = example(layer)
    strided = tree.map(lambda leaf: torch.stack([leaf, leaf], dim=2)[:, :, 0], state)
    assert_same((layer(x, strided)[0],), (layer(x, state)[0],))
    expanded = tree.map(lambda leaf: leaf[:1].expand(B, H), state)
    copied = tree.map(torch.clone, expanded)
    assert_same((layer(x, expanded)[0],), (layer(x, copied)[0],))


def test_recording_changes_next_to_nothing_and_shows_every_step(name):
    layer, _ = pair(name)
    x, state = example(layer)
    y, after = layer(x, state)
    with probe.recording(layer) as seen:
        recorded, recorded_after = layer(x, state)
    assert_same((recorded, *recorded_after), (y, *after))
    gates = {"lstm": {"input_gate", "forget_gate", "output_gate"}, "gru": {"reset_gate", "keep_gate"}}
    assert set(seen.get("", {})) == gates.get(name, set())
    for values in seen.get("", {}).values():
        assert values.shape == (B, T, H)
        assert bool(((values > 0) & (values < 1)).all())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_cuda(name):
    layer, module = pair(name, dtype=torch.float32, device="cuda")
    layer = copy.deepcopy(layer).eval()
    x, state = example(layer)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # cuDNN warns when weights lie apart in memory
        y, after = layer(x, state)
    expected, expected_after = run_theirs(module, x, state)
    assert_same((y, *after), (expected, *expected_after), tolerance=1e-5)
    assert_same(
        gradients(y, after, [*layer.parameters(), x, *state]),
        gradients(expected, expected_after, [*module.parameters(), x, *state]),
        tolerance=1e-4,
    )
