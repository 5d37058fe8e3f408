"""The gates of the GRU whose reset gate acts before the product, and of the minimal gated unit."""

import triton
import triton.language as tl

from statewise.ops.gpu.blocks import tanh


@triton.jit
def reset_open(x, u, h, m):
    """As ``statewise.ops.chains.reset_gru``."""
    return tl.sigmoid(x[0] + u[0]) * h, (), (tl.sigmoid(x[1] + u[1]),)


@triton.jit
def reset_close(x, w, h, carried, own):
    """As ``statewise.ops.chains.reset_gru``."""
    n = tanh(x[2] + w[0])
    return n + carried[0] * (h - n)


@triton.jit
def reset_unclose(dh, x, u, w, h, own):
    """As ``statewise.ops.chains.reset_gru``."""
    z, n = tl.sigmoid(x[1] + u[1]), tanh(x[2] + w[0])
    dn = dh * (1 - z) * (1 - n * n)
    return (dn,), (dh * z, dh * (h - n) * z * (1 - z), dn), ()


@triton.jit
def reset_unopen(dv, dm, carried, x, u, h, m):
    """As ``statewise.ops.chains.reset_gru``."""
    r = tl.sigmoid(x[0] + u[0])
    dr = dv * h * r * (1 - r)
    return (dr, carried[1], carried[2]), (dr, carried[1]), carried[0] + dv * r, ()


@triton.jit
def minimal_open(x, u, h, m):
    """As ``statewise.ops.chains.minimal_gated_unit``."""
    f = tl.sigmoid(x[0] + u[0])
    return f * h, (), (f,)


@triton.jit
def minimal_close(x, w, h, carried, own):
    """As ``statewise.ops.chains.minimal_gated_unit``."""
    return h + carried[0] * (tanh(x[1] + w[0]) - h)


@triton.jit
def minimal_unclose(dh, x, u, w, h, own):
    """As ``statewise.ops.chains.minimal_gated_unit``."""
    f, n = tl.sigmoid(x[0] + u[0]), tanh(x[1] + w[0])
    dn = dh * f * (1 - n * n)
    return (dn,), (dh * (1 - f), dh * (n - h), dn), ()


@triton.jit
def minimal_unopen(dv, dm, carried, x, u, h, m):
    """As ``statewise.ops.chains.minimal_gated_unit``."""
    f = tl.sigmoid(x[0] + u[0])
    df = (dv * h + carried[1]) * f * (1 - f)
    return (df, carried[2]), (df,), carried[0] + dv * f, ()
