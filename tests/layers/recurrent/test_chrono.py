"""Gates that start with memories of many lengths (Tallec & Ollivier 2018)."""

import pytest
import torch

from statewise import laws
from statewise.contract import SequenceLayer
from statewise.layers.recurrent.coupled_lstm import CoupledLSTM
from statewise.layers.recurrent.gru import GRU
from statewise.layers.recurrent.lstm import LSTM
from statewise.layers.recurrent.minimal_gated_unit import MinimalGatedUnit
from statewise.layers.recurrent.minimal_rnn import MinimalRNN
from statewise.layers.recurrent.norm_gru import NormGRU
from statewise.layers.recurrent.norm_lstm import NormLSTM
from statewise.layers.recurrent.peephole_lstm import PeepholeLSTM
from statewise.layers.recurrent.projected_lstm import ProjectedLSTM
from statewise.layers.recurrent.zoneout_lstm import ZoneoutLSTM

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


@pytest.mark.parametrize(
    ("layer", "forget", "write"),
    [
        (PeepholeLSTM, 1, 0),
        (NormLSTM, 1, 0),
        (ZoneoutLSTM, 1, 0),
        (ProjectedLSTM, 1, 0),
        (CoupledLSTM, 0, None),
    ],
)
def test_so_do_those_of_an_lstms_variants(layer: type[SequenceLayer], forget: int, write: int | None):
    torch.manual_seed(0)
    made = layer(input_size=1, hidden_size=H, forget_bias=None, longest_memory=LONGEST)
    biases = made.input.bias if hasattr(made, "input") else made.bias_ih_l0 + made.bias_hh_l0
    gates = biases.detach().view({0: 3, 1: 4}[forget], -1)
    assert spread_evenly(lasting(gates[forget]))
    assert write is None or torch.equal(gates[write], -gates[forget])
    drawn = [gate for number, gate in enumerate(gates) if number not in (forget, write)]
    assert all(float(gate.abs().max()) <= 2 * H**-0.5 for gate in drawn)
    with pytest.raises(ValueError, match="forget_bias=None"):
        layer(input_size=1, hidden_size=4, longest_memory=LONGEST)


@pytest.mark.parametrize(
    ("layer", "option", "keeps"),
    [
        (NormGRU, "keep_bias", lambda made: made.input.bias[H : 2 * H]),
        (MinimalRNN, "keep_bias", lambda made: made.keep.bias),
        (MinimalGatedUnit, "write_bias", lambda made: -made.input.bias[:H]),
    ],
)
def test_so_do_those_of_a_grus_variants_also_where_the_gate_writes(layer, option: str, keeps):
    made = []
    for bias in (0.0, 2.0):
        torch.manual_seed(0)
        made.append(keeps(layer(input_size=1, hidden_size=H, longest_memory=LONGEST, **{option: bias})).detach())
    assert spread_evenly(lasting(made[0]))
    sign = -1 if option == "write_bias" else 1
    torch.testing.assert_close(made[1] - made[0], torch.full((H,), 2.0 * sign))


def test_without_inputs_a_memory_fades_as_its_unit_says_whatever_the_gates_are_called():
    for layer in (
        CoupledLSTM(input_size=1, hidden_size=H, forget_bias=None, longest_memory=LONGEST),
        MinimalGatedUnit(input_size=1, hidden_size=H, longest_memory=LONGEST),
        MinimalRNN(input_size=1, hidden_size=H, longest_memory=LONGEST),
    ):
        with torch.no_grad():
            for name, parameter in layer.named_parameters():
                if "bias" not in name:
                    parameter.zero_()
            if isinstance(layer, MinimalRNN):
                layer.input.bias.zero_()
            else:
                layer.input.bias[H:] = 0.0
            start = layer.initial_state(1)
            memory = "c" if hasattr(start, "c") else "h"
            _, after = layer(torch.zeros(1, 20, 1), start._replace(**{memory: torch.ones(1, H)}))
        kept = getattr(after, memory)[0] ** (1 / 20)
        assert spread_evenly(1 / (1 - kept.double()))


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
