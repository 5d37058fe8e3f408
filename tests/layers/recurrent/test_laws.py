"""RNN, LSTM and GRU keep the laws, in every variant."""

import pytest

from statewise import laws
from statewise.layers.recurrent.gru import GRU
from statewise.layers.recurrent.lstm import LSTM
from statewise.layers.recurrent.rnn import RNN

VARIANTS = [
    *((RNN, {"activation": name}) for name in ("tanh", "relu", "leaky_relu", "sigmoid")),
    (RNN, {"activation": "relu", "initialization": "identity"}),
    (LSTM, {}),
    (LSTM, {"forget_bias": None, "initialization": "uniform"}),
    (GRU, {"reset_placement": "after"}),
    (GRU, {"reset_placement": "before", "initialization": "uniform"}),
]


@pytest.mark.parametrize(("kind", "options"), VARIANTS)
def test_keeps_the_laws(kind, options):
    laws.check(kind(input_size=3, hidden_size=4, **options))
