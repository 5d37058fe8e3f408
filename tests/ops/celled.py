"""Cells of elementwise recurrences, and what they take."""

from statewise.ops.cells.ind_rnn import ReluIndRNNCell, TanhIndRNNCell
from statewise.ops.cells.min_gru import MinGRUCell
from statewise.ops.cells.min_lstm import MinLSTMCell
from statewise.ops.cells.qrnn import FOPoolCell, FPoolCell, IFOPoolCell
from statewise.ops.cells.rg_lru import RGLRUCell
from statewise.ops.cells.sru import SRUCell

CELLS = {
    "relu-ind-rnn": (ReluIndRNNCell(), 1, 1),
    "tanh-ind-rnn": (TanhIndRNNCell(), 1, 1),
    "sru": (SRUCell(), 3, 2),
    "min-gru": (MinGRUCell(), 2, 0),
    "min-lstm": (MinLSTMCell(), 3, 0),
    "f-pool": (FPoolCell(), 2, 0),
    "fo-pool": (FOPoolCell(), 3, 0),
    "ifo-pool": (IFOPoolCell(), 4, 0),
    "rg-lru": (RGLRUCell(), 2, 1),
}
"""Cell, vectors of x, of weights"""
PASSED = {"sru", "rg-lru"}
"""Those with a way past"""
