"""Weights made from others: what is dropped, what is normed, and which laws hold."""

import copy

import pytest
import torch

from statewise import laws
from statewise.catalog import SEQUENCE_LAYERS
from statewise.combine import drop_connect, norm_weights, recurrent_weights
from statewise.contract import SequenceLayer, example_input, weights_held
from statewise.layers.recurrent.gru import GRU
from statewise.layers.recurrent.lstm import LSTM
from statewise.layers.recurrent.peephole_lstm import PeepholeLSTM
from statewise.layers.recurrent.rnn import RNN
from statewise.models.resolve import make_layer

HAVING = [name for name, entry in SEQUENCE_LAYERS.items() if recurrent_weights(make_layer(entry, entry.small))]
"""Those of the catalog that have recurrent weights"""
CASES = [(LSTM, "weight_hh_l0"), (GRU, "weight_hh_l0"), (PeepholeLSTM, "recurrent.weight")]


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_single_weights_are_dropped_once_a_sequence_and_its_rows(kind, name):
    layer = drop_connect(kind(input_size=3, hidden_size=40), [name], rate=0.3)
    part = layer.get_submodule(name.rpartition(".")[0])
    weight = getattr(part, name.rpartition(".")[2]).detach()
    assert 0.25 < (weight == 0).float().mean() < 0.35
    x = torch.randn(1, 6, 3).expand(4, -1, -1)
    y, _ = layer(x)
    torch.testing.assert_close(y, y[:1].expand(4, -1, -1))
    assert not torch.equal(layer(x)[0], y)


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_in_eval_mode_nothing_is_dropped_and_the_laws_hold(kind, name):
    plain = kind(input_size=3, hidden_size=4).eval()
    x = torch.randn(2, 6, 3)
    expected, _ = plain(x)
    dropping = drop_connect(plain, [name], rate=0.5)
    torch.testing.assert_close(dropping(x)[0], expected)
    laws.check(dropping, mode="eval")


def test_dropping_weights_breaks_a_law_in_training_as_is_said():
    layer = drop_connect(GRU(input_size=3, hidden_size=4), ["weight_hh_l0"], rate=0.5)
    with pytest.raises(laws.LawBroken, match="pure"):
        laws.check(layer, mode="train")


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_weight_norm_keeps_all_laws_and_the_start(kind, name):
    layer = kind(input_size=3, hidden_size=4)
    x = torch.randn(2, 6, 3)
    before, _ = layer(x)
    assert list(recurrent_weights(layer)) == [name]
    torch.testing.assert_close(norm_weights(layer, recurrent_weights(layer), kind="weight")(x)[0], before)
    laws.check(layer)


def test_the_spectral_norm_of_every_gate_is_the_bound_and_the_laws_hold_in_eval_mode():
    layer = GRU(input_size=3, hidden_size=4, initialization="uniform")
    norm_weights(layer, recurrent_weights(layer), kind="spectral", bound=0.8)
    for _ in range(100):
        layer(torch.randn(2, 2, 3))
    gates = layer.eval().weight_hh_l0.detach().view(3, 4, 4)
    torch.testing.assert_close(torch.linalg.matrix_norm(gates, 2), torch.full((3,), 0.8), atol=1e-3, rtol=0)
    laws.check(layer, mode="eval")


def test_gates_that_are_orthogonal_stay_as_they_are():
    layer = LSTM(input_size=3, hidden_size=4)
    before = layer.weight_hh_l0.detach().clone()
    norm_weights(layer, recurrent_weights(layer), kind="spectral")
    torch.testing.assert_close(layer.weight_hh_l0.detach(), before)


def test_power_iteration_goes_on_by_one_step_a_sequence_in_training_and_no_other_time():
    layer = norm_weights(PeepholeLSTM(input_size=3, hidden_size=8), {"recurrent.weight": 4}, kind="spectral")
    norm = layer.recurrent.parametrizations.weight[0]
    norm.right.copy_(torch.nn.functional.normalize(torch.randn_like(norm.right), dim=1))
    gates = layer.recurrent.parametrizations.weight.original.detach().view(4, 8, 8)
    left = torch.nn.functional.normalize(torch.einsum("kij,kj->ki", gates, norm.right), dim=1)
    layer(torch.randn(2, 9, 3), reset=torch.rand(2, 9) < 0.3)
    torch.testing.assert_close(norm.left, left)
    with torch.no_grad():
        layer(torch.randn(2, 9, 3))
    layer.eval()(torch.randn(2, 9, 3))
    torch.testing.assert_close(norm.left, left)


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_a_stream_in_training_has_one_mask(kind, name):
    layer = kind(input_size=3, hidden_size=8)
    drop_connect(layer, recurrent_weights(layer), rate=0.5)
    seeds = layer.get_submodule(name.rpartition(".")[0]).parametrizations[name.rpartition(".")[2]][0]
    drawn = []
    seeds.register_forward_hook(lambda module, given, weight: drawn.append(weight))
    stream = layer.stepper(layer.initial_state(2))
    for _ in range(5):
        stream(torch.randn(2, 3))
    assert all(torch.equal(weight, drawn[0]) for weight in drawn)


@pytest.mark.parametrize("name", HAVING)
@torch.no_grad()
def test_the_same_seed_drops_the_same_weights_in_every_gear(name):
    entry = SEQUENCE_LAYERS[name]
    layer = make_layer(entry, entry.small).double()
    drop_connect(layer, recurrent_weights(layer), rate=0.5)
    x, state = example_input(layer, 2, 9), layer.initial_state(2)
    torch.manual_seed(1)
    whole, _ = layer(x, state)
    torch.manual_seed(1)
    with weights_held():
        stepped, _ = SequenceLayer._sequence(layer, x, state)
    torch.testing.assert_close(whole, stepped)


def test_weights_of_one_layer_are_dropped_independently_and_so_are_those_of_two():
    layers = [make_layer(SEQUENCE_LAYERS["skip-rnn"], {"input_size": 3, "hidden_size": 40}) for _ in range(2)]
    for layer in layers:
        drop_connect(layer, recurrent_weights(layer), rate=0.5)
    with weights_held():
        kept = [weight.detach() != 0 for layer in layers for weight in (layer.recurrent.weight, layer.across.weight)]
    for place, mask in enumerate(kept):
        for other in kept[:place]:
            assert 0.45 < (mask == other).double().mean() < 0.55


NAMES = ("weight_hh_l0", "weight_ih_l0")


@pytest.mark.parametrize("calls", [[NAMES], [NAMES[::-1]], [NAMES[:1], NAMES[1:]], [NAMES[1:], NAMES[:1]]], ids=str)
@pytest.mark.parametrize("read", [NAMES, NAMES[::-1]], ids=str)
def test_masks_follow_from_names_and_not_from_what_was_asked_or_read_first(calls, read):
    def masks(calls, read):
        layer = LSTM(input_size=40, hidden_size=40)
        for names in calls:
            drop_connect(layer, names, rate=0.5)
        torch.manual_seed(3)
        with weights_held():
            return {name: getattr(layer, name).detach() != 0 for name in read}

    expected, found = masks([NAMES], NAMES), masks(calls, read)
    assert all(torch.equal(found[name], expected[name]) for name in NAMES)
    assert 0.45 < (found[NAMES[0]] == found[NAMES[1]]).double().mean() < 0.55


def test_a_weight_that_is_dropped_of_twice_has_two_masks():
    layer = LSTM(input_size=3, hidden_size=40)
    for _ in range(2):
        drop_connect(layer, NAMES[:1], rate=0.5)
    assert 0.2 < (layer.weight_hh_l0 != 0).double().mean() < 0.3


def test_normed_weights_are_dropped_of():
    layer = LSTM(input_size=3, hidden_size=8)
    x, before = torch.randn(2, 6, 3), layer.weight_hh_l0.detach().clone()
    norm_weights(layer, recurrent_weights(layer), kind="weight")
    drop_connect(layer, recurrent_weights(layer), rate=0.5)
    weight = layer.weight_hh_l0.detach()
    torch.testing.assert_close(weight, torch.where(weight == 0, 0, 2 * before))
    layer(x)[0].sum().backward()
    assert all(parameter.grad is not None for parameter in layer.parameters())


def trained_once(layer, x):
    """The layer after a step down the gradient."""
    layer(x)[0].square().sum().backward()
    for parameter in layer.parameters():
        assert parameter.grad.isfinite().all()
    torch.optim.SGD(layer.parameters(), lr=0.1).step()
    return layer


def test_a_row_of_zeros_stays_one_under_weight_norm_and_is_trained():
    layer, x = RNN(input_size=3, hidden_size=4), torch.randn(2, 6, 3)
    with torch.no_grad():
        layer.weight_hh_l0[1] = 0
    before, _ = layer(x)
    norm_weights(layer, recurrent_weights(layer), kind="weight")
    torch.testing.assert_close(layer(x)[0], before)
    assert trained_once(layer, x).weight_hh_l0[1].abs().min() > 0


def test_a_direction_that_became_zero_has_a_weight_of_zeros_and_no_gradient_that_is_no_number():
    layer = norm_weights(RNN(input_size=3, hidden_size=4), {"weight_hh_l0": 1}, kind="weight")
    with torch.no_grad():
        layer.parametrizations.weight_hh_l0.original1[1] = 0
    assert layer.weight_hh_l0[1].abs().max() == 0
    assert trained_once(layer, torch.randn(2, 6, 3)).weight_hh_l0.isfinite().all()


def test_spectral_norm_refuses_a_matrix_of_zeros_and_outlives_one():
    layer = GRU(input_size=3, hidden_size=4)
    with torch.no_grad():
        layer.weight_hh_l0[4:8] = 0
    with pytest.raises(ValueError, match=r"a matrix of zeros has no spectral norm .* take weight norm"):
        norm_weights(layer, recurrent_weights(layer), kind="spectral")
    layer, x = (
        norm_weights(GRU(input_size=3, hidden_size=4), {"weight_hh_l0": 3}, kind="spectral"),
        torch.randn(2, 6, 3),
    )
    original = layer.parametrizations.weight_hh_l0.original
    kept = original.detach()[4:8].clone()
    with torch.no_grad():
        original[4:8] = 0
    assert trained_once(layer, x).weight_hh_l0[4:8].abs().max() == 0
    with torch.no_grad():
        original[4:8] = kept
    layer(x)
    assert abs(torch.linalg.matrix_norm(layer.eval().weight_hh_l0[4:8], 2) - 1) < 0.01


def test_a_weight_that_is_given_is_brought_to_the_bound_at_once():
    layer = norm_weights(RNN(input_size=3, hidden_size=4), {"weight_hh_l0": 1}, kind="spectral").eval()
    layer.weight_hh_l0 = torch.diag(torch.tensor([-5.0, 1.0, 1.0, 0.5]))
    torch.testing.assert_close(layer.weight_hh_l0.detach(), torch.diag(torch.tensor([-1.0, 0.2, 0.2, 0.1])))


def test_autocast_leaves_the_spectral_norm_as_it_is():
    layer = norm_weights(RNN(input_size=3, hidden_size=4), {"weight_hh_l0": 1}, kind="spectral")
    expected = copy.deepcopy(layer).weight_hh_l0
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(layer.weight_hh_l0, expected, rtol=0, atol=0)


@pytest.mark.parametrize("kind", ["weight", "spectral"])
@pytest.mark.parametrize("name", HAVING)
def test_every_layer_with_recurrent_weights_is_trained_with_a_norm_of_them(name, kind):
    entry = SEQUENCE_LAYERS[name]
    layer = make_layer(entry, entry.small)
    norm_weights(layer, recurrent_weights(layer), kind=kind)
    for parameter in trained_once(layer, example_input(layer, 2, 3)).parameters():
        assert parameter.isfinite().all()


@pytest.mark.parametrize("name", SEQUENCE_LAYERS)
def test_what_a_layer_calls_recurrent_is_there_and_stacked_as_it_says(name):
    entry = SEQUENCE_LAYERS[name]
    layer = make_layer(entry, entry.small)
    known = dict(layer.named_parameters())
    for weight, matrices in recurrent_weights(layer).items():
        assert known[weight].dim() >= 2
        assert known[weight].shape[:-1].numel() % matrices == 0


def test_which_layers_have_recurrent_weights():
    assert {"rnn", "lstm", "gru", "lstm-peephole", "slstm", "clockwork", "ode-rnn", "skip-rnn"} <= set(HAVING)
    assert not {"min-gru", "mamba", "attention", "tcn", "sru", "orthogonal-rnn", "echo-state"} & set(HAVING)


def test_what_is_not_there_is_named():
    with pytest.raises(ValueError, match="unknown parameter 'weight_hh'; did you mean 'weight_hh_l0'"):
        drop_connect(GRU(input_size=3, hidden_size=4), ["weight_hh"], rate=0.5)
    with pytest.raises(ValueError, match="rate must be at least 0 and below 1, got 1"):
        drop_connect(GRU(input_size=3, hidden_size=4), [], rate=1.0)
    with pytest.raises(ValueError, match="unknown kind 'batch'"):
        norm_weights(GRU(input_size=3, hidden_size=4), {}, kind="batch")
    with pytest.raises(ValueError, match="bound must be above 0, got 0"):
        norm_weights(GRU(input_size=3, hidden_size=4), {}, kind="spectral", bound=0)
    dropped = drop_connect(LSTM(input_size=3, hidden_size=4), ["weight_hh_l0"], rate=0.5)
    with pytest.raises(ValueError, match="weight_hh_l0 is made from another weight already; give it its weight norm"):
        norm_weights(dropped, {"weight_hh_l0": 4}, kind="weight")


def test_those_of_layers_inside_are_named_by_their_place():
    layer = make_layer(SEQUENCE_LAYERS["ntm"], {"input_size": 3, "hidden_size": 4, "controller": "gru"})
    assert recurrent_weights(layer) == {"controller.weight_hh_l0": 3}
