"""Gates that start with memories of many lengths (Tallec & Ollivier 2018)."""

import pytest
import torch

from statewise import laws
from statewise.layers.recurrent.gru import GRU
from statewise.layers.recurrent.lstm import LSTM

H, LONGEST = 400, 50


def gate(layer: LSTM | GRU, number: int) -> torch.Tensor:
    return (layer.bias_ih_l0 + layer.bias_hh_l0).detach()[number * H : (number + 1) * H]


def lasting(forget_bias: torch.Tensor) -> torch.Tensor:
    """Steps after which sigmoid(b)^t has fallen to 1/e, to first order: 1 / (1 - sigmoid(b))."""
    return 1 / (1 - torch.sigmoid(forget_bias.double()))


def spread_evenly(steps: torch.Tensor) -> bool:
    middle = (2 + LONGEST) / 2
    return bool(steps.min() >= 2 - 1e-3) and bool(steps.max() <= LONGEST + 1e-3) and abs(steps.mean() - middle) < 3


def test_an_lstms_units_remember_from_two_steps_to_the_longest():
    torch.manual_seed(0)
    layer = LSTM(input_size=1, hidden_size=H, forget_bias=None, longest_memory=LONGEST)
    assert spread_evenly(lasting(gate(layer, 1)))
    assert torch.equal(gate(layer, 0), -gate(layer, 1))


def test_a_grus_units_remember_from_two_steps_to_the_longest():
    torch.manual_seed(0)
    layer = GRU(input_size=1, hidden_size=H, longest_memory=LONGEST)
    assert spread_evenly(lasting(gate(layer, 1)))
    shifted = GRU(input_size=1, hidden_size=H, longest_memory=LONGEST, keep_bias=2.0)
    assert 1.8 < (gate(shifted, 1) - gate(layer, 1)).mean() < 2.2


def test_the_memory_fades_as_the_forget_gate_says():
    torch.manual_seed(0)
    layer = LSTM(input_size=1, hidden_size=H, forget_bias=None, longest_memory=LONGEST)
    with torch.no_grad():
        layer.weight_hh_l0.zero_()
        layer.weight_ih_l0.zero_()
        layer.bias_ih_l0[2 * H :] = 0.0
        layer.bias_hh_l0[2 * H :] = 0.0
        start = layer.initial_state(1)._replace(c=torch.ones(1, H))
        _, after = layer(torch.zeros(1, 20, 1), start)
    torch.testing.assert_close(after.c[0], torch.sigmoid(gate(layer, 1)) ** 20)


def test_the_other_gates_stay_as_they_are():
    torch.manual_seed(5)
    plain = LSTM(input_size=1, hidden_size=H, forget_bias=None)
    torch.manual_seed(5)
    layer = LSTM(input_size=1, hidden_size=H, forget_bias=None, longest_memory=LONGEST)
    assert all(torch.equal(gate(layer, number), gate(plain, number)) for number in (2, 3))


def test_two_words_on_one_bias_are_refused():
    with pytest.raises(ValueError, match="forget_bias=None"):
        LSTM(input_size=1, hidden_size=4, longest_memory=LONGEST)


@pytest.mark.parametrize(
    "layer",
    [
        LSTM(input_size=3, hidden_size=4, forget_bias=None, longest_memory=9),
        GRU(input_size=3, hidden_size=4, longest_memory=9),
    ],
    ids=["lstm", "gru"],
)
def test_keeps_the_laws(layer):
    laws.check(layer)
