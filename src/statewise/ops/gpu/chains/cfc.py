"""The gates of the closed-form continuous-time cell with one layer in its backbone, as ``statewise.ops.chains.cfc``."""

import triton
import triton.language as tl

from statewise.ops.gpu.blocks import tanh


@triton.jit
def cfc_open(x, u, h, m):
    """The backbone's only layer."""
    return 1.7159 * tanh(0.666 * (x[0] + u[0])), (), ()


@triton.jit
def cfc_unopen(dv, dm, carried, x, u, h, m):
    """Back through the backbone; carried are the cotangents of h and of the time that has passed."""
    y = tanh(0.666 * (x[0] + u[0]))
    da = dv * (1.7159 * 0.666) * (1 - y * y)
    return (da, carried[1]), (da,), carried[0], ()


@triton.jit
def gates_close(x, w, h, carried, own):
    """h' between two proposals."""
    s = tl.sigmoid((w[2] + own[2]) * x[1] + w[3] + own[3])
    return (1 - own[4] * s) * tanh(w[0] + own[0]) + s * tanh(w[1] + own[1])


@triton.jit
def gates_unclose(dh, x, u, w, h, own):
    """The heads' and the biases' cotangents are the same."""
    a = w[2] + own[2]
    first, second, s = tanh(w[0] + own[0]), tanh(w[1] + own[1]), tl.sigmoid(a * x[1] + w[3] + own[3])
    db = dh * (second - own[4] * first) * s * (1 - s)
    dw = (dh * (1 - own[4] * s) * (1 - first * first), dh * s * (1 - second * second), db * x[1], db)
    return dw, (tl.zeros_like(dh), tl.sum(db * a, axis=1)[:, None]), (dw[0], dw[1], dw[2], dw[3], tl.zeros_like(dh))


@triton.jit
def solution_close(x, w, h, carried, own):
    """h' of the solution itself."""
    f = w[0] + own[0]
    return own[2] * (1 - tl.exp(-x[1] * (own[1] + tl.abs(f))) * f)


@triton.jit
def solution_unclose(dh, x, u, w, h, own):
    """To the only head, its bias, the decay, the rest and the time."""
    f = w[0] + own[0]
    left = tl.exp(-x[1] * (own[1] + tl.abs(f)))
    d = dh * own[2] * left
    df = d * (x[1] * tl.abs(f) - 1)
    d_elapsed = tl.sum(d * f * (own[1] + tl.abs(f)), axis=1)[:, None]
    return (df,), (tl.zeros_like(dh), d_elapsed), (df, d * f * x[1], dh * (1 - left * f))
