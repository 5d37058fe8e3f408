"""What layers draw where rows are reset inside is what they would draw if the parts were rows of their own."""

from contextlib import nullcontext

import pytest
import torch

from statewise import probe, tree
from statewise.combine.dropout import Dropout
from statewise.combine.stack import Stack
from statewise.contract import Segments, SequenceLayer
from statewise.layers.convolution.temporal_block import TemporalBlock
from statewise.layers.recurrent.quasi_rnn import QuasiRNN
from statewise.layers.recurrent.zoneout_lstm import ZoneoutLSTM

SIZES = {"input_size": 4, "hidden_size": 4}
LAYERS = {
    "zoneout": lambda: ZoneoutLSTM(**SIZES, zoneout=0.4),
    "recurrent dropout": lambda: ZoneoutLSTM(**SIZES, zoneout=0.0, zoneout_memory=0.0, recurrent_dropout=0.4),
    "variational dropout": lambda: ZoneoutLSTM(**SIZES, variational_dropout=0.4),
    "quasi": lambda: QuasiRNN(**SIZES, zoneout=0.4),
    "temporal block": lambda: TemporalBlock(**SIZES, dropout=0.4),
    "dropout": lambda: Dropout(width=4, rate=0.4),
    "dropout of sequences": lambda: Dropout(width=4, rate=0.4, variational=True),
}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", LAYERS)
def test_noise_is_that_of_rows_of_their_own(name: str, training: bool):
    torch.manual_seed(0)
    layer = LAYERS[name]().double().train(training)
    reset = torch.zeros(3, 12, dtype=torch.bool)
    reset[0, [0, 3, 4, -1]] = reset[1, 7] = True
    x = torch.randn(3, 12, 4, dtype=torch.float64, requires_grad=True)
    with torch.no_grad():
        _, state = layer(torch.randn(3, 5, 4, dtype=torch.float64))
    found = []
    for form in (type(layer)._segments, SequenceLayer._segments):
        torch.manual_seed(1)
        y, after = form(layer, x, state, Segments(reset))
        found.append((y, tree.leaves(after), torch.autograd.grad(y.square().sum(), x)))
    torch.testing.assert_close(*found)
    assert not training or not torch.equal(found[0][0], layer.eval()(x, state, reset=reset)[0])


@pytest.mark.parametrize("name", LAYERS)
def test_a_recorder_changes_nothing_of_it(name: str):
    torch.manual_seed(0)
    layer = Stack([LAYERS[name]().double(), ZoneoutLSTM(**SIZES, zoneout=0.4).double()])
    reset = torch.rand(3, 12) < 0.3
    x, found = torch.randn(3, 12, 4, dtype=torch.float64), []
    for around in (nullcontext(), probe.recording(layer)):
        torch.manual_seed(1)
        with around:
            found.append((layer(x, reset=reset), torch.rand(1)))
    torch.testing.assert_close(*found)
