"""What gated cells do to blocks of numbers at one step, for Triton kernels, as ``statewise.ops.gates`` says.

``advance`` makes h' and the memory of x, u, h and m; ``retreat`` makes their cotangents, and those of the weights of
the gates' own a row, of those of h' and the memory, working out the gates once more from the same values. Blocks have
a row of a batch downwards and the numbers of a vector across; several vectors are a tuple of blocks, ``width`` is how
many numbers of a block are a vector's own, and ``inside`` says where they stand.
"""

from typing import Any

from statewise.ops.gates.coupled_lstm import CoupledLSTMGates
from statewise.ops.gates.dropped_lstm import DroppedLSTMGates
from statewise.ops.gates.gru import GRUGates
from statewise.ops.gates.lstm import LSTMGates
from statewise.ops.gates.minimal_rnn import MinimalRNNGates
from statewise.ops.gates.modrelu import ModReLUGates
from statewise.ops.gates.norm_gru import NormGRUGates
from statewise.ops.gates.norm_lstm import NormLSTMGates
from statewise.ops.gates.peephole_lstm import PeepholeLSTMGates
from statewise.ops.gates.phased_lstm import PhasedLSTMGates
from statewise.ops.gates.rnn import ReluGates, TanhGates
from statewise.ops.gates.s_lstm import SLSTMGates
from statewise.ops.gpu.gates import gru, lstm, norm, rnn, s_lstm

GATES: dict[Any, tuple[Any, Any]] = {
    LSTMGates: (lstm.lstm_advance, lstm.lstm_retreat),
    DroppedLSTMGates: (lstm.dropped_lstm_advance, lstm.dropped_lstm_retreat),
    CoupledLSTMGates: (lstm.coupled_lstm_advance, lstm.coupled_lstm_retreat),
    PeepholeLSTMGates: (lstm.peephole_lstm_advance, lstm.peephole_lstm_retreat),
    PhasedLSTMGates: (lstm.phased_lstm_advance, lstm.phased_lstm_retreat),
    NormLSTMGates: (norm.norm_lstm_advance, norm.norm_lstm_retreat),
    SLSTMGates: (s_lstm.s_lstm_advance, s_lstm.s_lstm_retreat),
    GRUGates: (gru.gru_advance, gru.gru_retreat),
    NormGRUGates: (norm.norm_gru_advance, norm.norm_gru_retreat),
    MinimalRNNGates: (gru.minimal_rnn_advance, gru.minimal_rnn_retreat),
    TanhGates: (rnn.tanh_advance, rnn.tanh_retreat),
    ReluGates: (rnn.relu_advance, rnn.relu_retreat),
    ModReLUGates: (rnn.modrelu_advance, rnn.modrelu_retreat),
}
"""Kind of gates -> how it advances and how it retreats"""
