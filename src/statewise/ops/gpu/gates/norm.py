"""The gates of the normalised LSTM and GRU; c, the last of their own weights, is 1 for layer norm, else 0."""

import triton
import triton.language as tl

from statewise.ops.gpu.blocks import normalise, normalise_back, tanh


@triton.jit
def norm_lstm_advance(x, u, h, m, own, width, inside):
    """As ``statewise.ops.gates.norm_lstm``."""
    v, _ = normalise(u, 4, own[6], width, inside)
    i, f = tl.sigmoid(x[0] + own[0] * v[0]), tl.sigmoid(x[1] + own[1] * v[1])
    c = f * m[0] + i * tanh(x[2] + own[2] * v[2])
    w, _ = normalise((c,), 1, own[6], width, inside)
    return tl.sigmoid(x[3] + own[3] * v[3]) * tanh(own[4] * w[0] + own[5]), (c,)


@triton.jit
def norm_lstm_retreat(dh, dm, x, u, h, m, own, width, inside):
    """As ``statewise.ops.gates.norm_lstm``."""
    v, scale = normalise(u, 4, own[6], width, inside)
    i, f = tl.sigmoid(x[0] + own[0] * v[0]), tl.sigmoid(x[1] + own[1] * v[1])
    g, o = tanh(x[2] + own[2] * v[2]), tl.sigmoid(x[3] + own[3] * v[3])
    w, memory_scale = normalise((f * m[0] + i * g,), 1, own[6], width, inside)
    t = tanh(own[4] * w[0] + own[5])
    ds = dh * o * (1 - t * t)
    through = normalise_back((ds * own[4],), w, 1, memory_scale, own[6], width)
    dc = dm[0] + through[0]
    di, df = dc * g * i * (1 - i), dc * m[0] * f * (1 - f)
    dg, do = dc * i * (1 - g * g), dh * t * o * (1 - o)
    du = normalise_back((di * own[0], df * own[1], dg * own[2], do * own[3]), v, 4, scale, own[6], width)
    d_own = (di * v[0], df * v[1], dg * v[2], do * v[3], ds * w[0], ds, 0 * dh)
    return (di, df, dg, do), du, 0 * dh, (dc * f,), d_own


@triton.jit
def norm_gru_advance(x, u, h, m, own, width, inside):
    """As ``statewise.ops.gates.norm_gru``."""
    v, _ = normalise((u[0], u[1]), 2, own[4], width, inside)
    w, _ = normalise((u[2],), 1, own[4], width, inside)
    r, z = tl.sigmoid(x[0] + own[0] * v[0]), tl.sigmoid(x[1] + own[1] * v[1])
    n = tanh(x[2] + r * (own[2] * w[0] + own[3]))
    return n + z * (h - n), ()


@triton.jit
def norm_gru_retreat(dh, dm, x, u, h, m, own, width, inside):
    """As ``statewise.ops.gates.norm_gru``."""
    v, scale = normalise((u[0], u[1]), 2, own[4], width, inside)
    w, own_scale = normalise((u[2],), 1, own[4], width, inside)
    r, z = tl.sigmoid(x[0] + own[0] * v[0]), tl.sigmoid(x[1] + own[1] * v[1])
    seen = own[2] * w[0] + own[3]
    n = tanh(x[2] + r * seen)
    dn = dh * (1 - z) * (1 - n * n)
    dr, dz, ds = dn * seen * r * (1 - r), dh * (h - n) * z * (1 - z), dn * r
    gates = normalise_back((dr * own[0], dz * own[1]), v, 2, scale, own[4], width)
    candidate = normalise_back((ds * own[2],), w, 1, own_scale, own[4], width)
    d_own = (dr * v[0], dz * v[1], ds * w[0], ds, 0 * dh)
    return (dr, dz, dn), (gates[0], gates[1], candidate[0]), dh * z, (), d_own
