"""The gates of LSTMs without normalisation: plain, with dropped candidates, coupled, with peepholes, with clocks."""

import triton
import triton.language as tl

from statewise.ops.gpu.blocks import tanh


@triton.jit
def lstm_advance(x, u, h, m, own, width, inside):
    """As ``statewise.ops.gates.lstm``."""
    i, f, g, o = tl.sigmoid(x[0] + u[0]), tl.sigmoid(x[1] + u[1]), tanh(x[2] + u[2]), tl.sigmoid(x[3] + u[3])
    c = f * m[0] + i * g
    return o * tanh(c), (c,)


@triton.jit
def lstm_retreat(dh, dm, x, u, h, m, own, width, inside):
    """As ``statewise.ops.gates.lstm``."""
    i, f, g, o = tl.sigmoid(x[0] + u[0]), tl.sigmoid(x[1] + u[1]), tanh(x[2] + u[2]), tl.sigmoid(x[3] + u[3])
    t = tanh(f * m[0] + i * g)
    dc = dm[0] + dh * o * (1 - t * t)
    da = (dc * g * i * (1 - i), dc * m[0] * f * (1 - f), dc * i * (1 - g * g), dh * t * o * (1 - o))
    return da, da, 0 * dh, (dc * f,), ()


@triton.jit
def dropped_lstm_advance(x, u, h, m, own, width, inside):
    """As ``statewise.ops.gates.dropped_lstm``."""
    i, f, g, o = tl.sigmoid(x[0] + u[0]), tl.sigmoid(x[1] + u[1]), tanh(x[2] + u[2]), tl.sigmoid(x[3] + u[3])
    c = f * m[0] + own[0] * i * g
    return o * tanh(c), (c,)


@triton.jit
def dropped_lstm_retreat(dh, dm, x, u, h, m, own, width, inside):
    """As ``statewise.ops.gates.dropped_lstm``."""
    i, f, g, o = tl.sigmoid(x[0] + u[0]), tl.sigmoid(x[1] + u[1]), tanh(x[2] + u[2]), tl.sigmoid(x[3] + u[3])
    t = tanh(f * m[0] + own[0] * i * g)
    dc = dm[0] + dh * o * (1 - t * t)
    written = own[0] * dc
    da = (written * g * i * (1 - i), dc * m[0] * f * (1 - f), written * i * (1 - g * g), dh * t * o * (1 - o))
    return da, da, 0 * dh, (dc * f,), (0 * dh,)


@triton.jit
def coupled_lstm_advance(x, u, h, m, own, width, inside):
    """As ``statewise.ops.gates.coupled_lstm``."""
    f, g, o = tl.sigmoid(x[0] + u[0]), tanh(x[1] + u[1]), tl.sigmoid(x[2] + u[2])
    c = g + f * (m[0] - g)
    return o * tanh(c), (c,)


@triton.jit
def coupled_lstm_retreat(dh, dm, x, u, h, m, own, width, inside):
    """As ``statewise.ops.gates.coupled_lstm``."""
    f, g, o = tl.sigmoid(x[0] + u[0]), tanh(x[1] + u[1]), tl.sigmoid(x[2] + u[2])
    t = tanh(g + f * (m[0] - g))
    dc = dm[0] + dh * o * (1 - t * t)
    da = (dc * (m[0] - g) * f * (1 - f), dc * (1 - f) * (1 - g * g), dh * t * o * (1 - o))
    return da, da, 0 * dh, (dc * f,), ()


@triton.jit
def peephole_lstm_advance(x, u, h, m, own, width, inside):
    """As ``statewise.ops.gates.peephole_lstm``."""
    i, f = tl.sigmoid(x[0] + u[0] + own[0] * m[0]), tl.sigmoid(x[1] + u[1] + own[1] * m[0])
    c = f * m[0] + i * tanh(x[2] + u[2])
    return tl.sigmoid(x[3] + u[3] + own[2] * c) * tanh(c), (c,)


@triton.jit
def peephole_lstm_retreat(dh, dm, x, u, h, m, own, width, inside):
    """As ``statewise.ops.gates.peephole_lstm``."""
    i, f, g = tl.sigmoid(x[0] + u[0] + own[0] * m[0]), tl.sigmoid(x[1] + u[1] + own[1] * m[0]), tanh(x[2] + u[2])
    c = f * m[0] + i * g
    o, t = tl.sigmoid(x[3] + u[3] + own[2] * c), tanh(c)
    do = dh * t * o * (1 - o)
    dc = dm[0] + dh * o * (1 - t * t) + do * own[2]
    di, df, dg = dc * g * i * (1 - i), dc * m[0] * f * (1 - f), dc * i * (1 - g * g)
    da = (di, df, dg, do)
    return da, da, 0 * dh, (dc * f + di * own[0] + df * own[1],), (di * m[0], df * m[0], do * c)


@triton.jit
def phased_lstm_advance(x, u, h, m, own, width, inside):
    """As ``statewise.ops.gates.phased_lstm``."""
    proposed, memory = peephole_lstm_advance(x, u, h, m, own, width, inside)
    return h + x[4] * (proposed - h), (m[0] + x[4] * (memory[0] - m[0]),)


@triton.jit
def phased_lstm_retreat(dh, dm, x, u, h, m, own, width, inside):
    """As ``statewise.ops.gates.phased_lstm``."""
    k = x[4]
    proposed, memory = peephole_lstm_advance(x, u, h, m, own, width, inside)
    dk = dh * (proposed - h) + dm[0] * (memory[0] - m[0])
    da, _, _, dc, d_own = peephole_lstm_retreat(dh * k, (dm[0] * k,), x, u, h, m, own, width, inside)
    return (da[0], da[1], da[2], da[3], dk), da, dh * (1 - k), (dm[0] * (1 - k) + dc[0],), d_own
