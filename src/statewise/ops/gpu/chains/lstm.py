"""The gates of the LSTM with a projection, as ``statewise.ops.chains.projected_lstm``."""

import triton
import triton.language as tl

from statewise.ops.gpu.gates.lstm import lstm_advance, lstm_retreat


@triton.jit
def projected_open(x, u, h, m):
    """o * tanh(c'), and c'."""
    between, memory = lstm_advance(x, u, h, m, (), 0, 0)
    return between, memory, ()


@triton.jit
def projected_close(x, w, h, carried, own):
    """h' is the projection itself."""
    return w[0]


@triton.jit
def projected_unclose(dh, x, u, w, h, own):
    """Nothing goes to h beside the product."""
    return (dh,), (tl.zeros_like(dh),), ()


@triton.jit
def projected_unopen(dv, dm, carried, x, u, h, m):
    """From o * tanh(c') and c' to a and c."""
    dx, du, _, dc, _ = lstm_retreat(dv, dm, x, u, h, m, (), 0, 0)
    return dx, du, carried[0], dc
