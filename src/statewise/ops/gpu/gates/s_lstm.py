"""The gates of the sLSTM."""

import triton
import triton.language as tl

from statewise.ops.gpu.blocks import tanh


@triton.jit
def _kept(f, stabiliser):
    """log sigmoid(f) + m."""
    return tl.where(f < 0, f, 0.0) - tl.log(1 + tl.exp(-tl.abs(f))) + stabiliser


@triton.jit
def s_lstm_advance(x, u, h, m, own, width, inside):
    """As ``statewise.ops.gates.s_lstm``."""
    log_i, kept = x[1] + u[1], _kept(x[2] + u[2], m[2])
    after = tl.where(kept < log_i, log_i, kept)
    f, i = tl.exp(kept - after), tl.exp(log_i - after)
    c, n = f * m[0] + i * tanh(x[0] + u[0]), f * m[1] + i
    return tl.sigmoid(x[3] + u[3]) * c / n, (c, n, after)


@triton.jit
def s_lstm_retreat(dh, dm, x, u, h, m, own, width, inside):
    """As ``statewise.ops.gates.s_lstm``."""
    log_i, kept = x[1] + u[1], _kept(x[2] + u[2], m[2])
    after = tl.where(kept < log_i, log_i, kept)
    f, i, z, o = tl.exp(kept - after), tl.exp(log_i - after), tanh(x[0] + u[0]), tl.sigmoid(x[3] + u[3])
    n = f * m[1] + i
    read = (f * m[0] + i * z) / n
    dc, dn = dm[0] + dh * o / n, dm[1] - dh * o * read / n
    through_i, through_f = (dc * z + dn) * i, (dc * m[0] + dn * m[1]) * f
    rest = dm[2] - through_f - through_i
    d_kept = through_f + tl.where(kept < log_i, 0.0, rest)
    da = (
        dc * i * (1 - z * z),
        through_i + tl.where(kept < log_i, rest, 0.0),
        d_kept * (1 - tl.sigmoid(x[2] + u[2])),
        dh * read * o * (1 - o),
    )
    return da, da, 0 * dh, (dc * f, dn * f, d_kept), ()
