"""Weights made from others: what is dropped, what is normed, and which laws hold."""

import pytest
import torch

from statewise import laws
from statewise.combine import drop_connect, norm_weights
from statewise.layers.recurrent.gru import GRU
from statewise.layers.recurrent.lstm import LSTM
from statewise.layers.recurrent.peephole_lstm import PeepholeLSTM

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
    torch.testing.assert_close(norm_weights(layer, [name], kind="weight")(x)[0], before)
    laws.check(layer)


def test_a_spectral_norm_is_one_and_keeps_the_laws_in_eval_mode():
    layer = norm_weights(GRU(input_size=3, hidden_size=4), ["weight_hh_l0"], kind="spectral")
    for _ in range(30):
        layer(torch.randn(2, 2, 3))
    assert float(torch.linalg.matrix_norm(layer.eval().weight_hh_l0.detach(), 2)) == pytest.approx(1.0, abs=1e-3)
    laws.check(layer, mode="eval")


def test_what_is_not_there_is_named():
    with pytest.raises(ValueError, match="unknown parameter 'weight_hh'; did you mean 'weight_hh_l0'"):
        drop_connect(GRU(input_size=3, hidden_size=4), ["weight_hh"], rate=0.5)
    with pytest.raises(ValueError, match="rate must be at least 0 and below 1, got 1"):
        drop_connect(GRU(input_size=3, hidden_size=4), [], rate=1.0)
    with pytest.raises(ValueError, match="unknown kind 'batch'"):
        norm_weights(GRU(input_size=3, hidden_size=4), [], kind="batch")
