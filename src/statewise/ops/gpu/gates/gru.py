"""The gates of the GRU and of the minimalRNN."""

import triton
import triton.language as tl

from statewise.ops.gpu.blocks import tanh


@triton.jit
def gru_advance(x, u, h, m, own, width, inside):
    """As ``statewise.ops.gates.gru``."""
    r, z = tl.sigmoid(x[0] + u[0]), tl.sigmoid(x[1] + u[1])
    n = tanh(x[2] + r * u[2])
    return n + z * (h - n), ()


@triton.jit
def gru_retreat(dh, dm, x, u, h, m, own, width, inside):
    """As ``statewise.ops.gates.gru``."""
    r, z = tl.sigmoid(x[0] + u[0]), tl.sigmoid(x[1] + u[1])
    n = tanh(x[2] + r * u[2])
    dn = dh * (1 - z) * (1 - n * n)
    dr, dz = dn * u[2] * r * (1 - r), dh * (h - n) * z * (1 - z)
    return (dr, dz, dn), (dr, dz, dn * r), dh * z, (), ()


@triton.jit
def minimal_rnn_advance(x, u, h, m, own, width, inside):
    """As ``statewise.ops.gates.minimal_rnn``."""
    return x[0] + tl.sigmoid(x[1] + u[0]) * (h - x[0]), ()


@triton.jit
def minimal_rnn_retreat(dh, dm, x, u, h, m, own, width, inside):
    """As ``statewise.ops.gates.minimal_rnn``."""
    k = tl.sigmoid(x[1] + u[0])
    dk = dh * (h - x[0]) * k * (1 - k)
    return (dh * (1 - k), dk), (dk,), dh * k, (), ()
