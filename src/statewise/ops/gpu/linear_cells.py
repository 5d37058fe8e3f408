"""What cells that are linear in their state do to a tile of numbers, for Triton kernels.

``x`` are the vectors of a tile of steps, as a tuple, after them what passes by and the weights, where a cell has those.
Coefficients are a and b of c' = a c + b; what is read of c' is y, and what is read of the cotangent of y is a part of
that of c'; retreating makes the cotangents of x of that of y and, all in all, of c'. Equations as in
``statewise.ops.cells``.
"""

from typing import Any

import triton
import triton.language as tl

from statewise.ops.cells.min_gru import MinGRUCell
from statewise.ops.cells.min_lstm import MinLSTMCell
from statewise.ops.cells.qrnn import FOPoolCell, FPoolCell, IFOPoolCell
from statewise.ops.cells.rg_lru import SMALLEST as SMALLEST_REST
from statewise.ops.cells.rg_lru import RGLRUCell
from statewise.ops.gpu.blocks import tanh

SMALLEST = tl.constexpr(SMALLEST_REST)


@triton.jit
def all_of(x, c):
    """What is read where the state is the output."""
    return c


@triton.jit
def gated(x, c):
    """What the output gate, the third of x, lets pass."""
    return tl.sigmoid(x[2]) * c


@triton.jit
def min_gru_coefficients(x):
    """As ``statewise.ops.cells.min_gru``."""
    z = tl.sigmoid(x[0])
    return 1 - z, z * x[1]


@triton.jit
def min_gru_retreat(x, before, after, dy, dc):
    """As ``statewise.ops.cells.min_gru``."""
    z = tl.sigmoid(x[0])
    return dc * z * (1 - z) * (x[1] - before), dc * z


@triton.jit
def _log_sigmoid(x):
    return tl.where(x < 0, x, 0.0) - tl.log(1 + tl.exp(-tl.abs(x)))


@triton.jit
def min_lstm_coefficients(x):
    """As ``statewise.ops.cells.min_lstm``."""
    keep = tl.sigmoid(_log_sigmoid(x[0]) - _log_sigmoid(x[1]))
    return keep, (1 - keep) * x[2]


@triton.jit
def min_lstm_retreat(x, before, after, dy, dc):
    """As ``statewise.ops.cells.min_lstm``."""
    keep = tl.sigmoid(_log_sigmoid(x[0]) - _log_sigmoid(x[1]))
    new = dc * (1 - keep)
    slope = new * keep * (before - x[2])
    return slope * tl.sigmoid(-x[0]), -slope * tl.sigmoid(-x[1]), new


@triton.jit
def f_pool_coefficients(x):
    """As ``statewise.ops.cells.qrnn``, of f- and fo-pooling."""
    f = tl.sigmoid(x[1])
    return f, (1 - f) * tanh(x[0])


@triton.jit
def f_pool_retreat(x, before, after, dy, dc):
    """As ``statewise.ops.cells.qrnn``, of f-pooling."""
    z, f = tanh(x[0]), tl.sigmoid(x[1])
    return dc * (1 - f) * (1 - z * z), dc * f * (1 - f) * (before - z)


@triton.jit
def fo_pool_retreat(x, before, after, dy, dc):
    """As ``statewise.ops.cells.qrnn``, of fo-pooling."""
    dz, df = f_pool_retreat(x, before, after, dy, dc)
    o = tl.sigmoid(x[2])
    return dz, df, dy * o * (1 - o) * after


@triton.jit
def ifo_pool_coefficients(x):
    """As ``statewise.ops.cells.qrnn``, of ifo-pooling."""
    return tl.sigmoid(x[1]), tl.sigmoid(x[3]) * tanh(x[0])


@triton.jit
def ifo_pool_retreat(x, before, after, dy, dc):
    """As ``statewise.ops.cells.qrnn``, of ifo-pooling."""
    z, f, o, i = tanh(x[0]), tl.sigmoid(x[1]), tl.sigmoid(x[2]), tl.sigmoid(x[3])
    return dc * i * (1 - z * z), dc * f * (1 - f) * before, dy * o * (1 - o) * after, dc * z * i * (1 - i)


@triton.jit
def expm1(x):
    """e^x - 1, near 0 by its series."""
    p = x * 0 + 1
    for k in tl.static_range(13):
        p = 1 + p * x * (1.0 / (14 - k))
    return tl.where(tl.abs(x) < 0.3, x * p, tl.exp(x) - 1)


@triton.jit
def rg_lru_coefficients(x):
    """As ``statewise.ops.cells.rg_lru``."""
    log_a = x[3] * tl.sigmoid(x[0])
    root = tl.sqrt(tl.maximum(-expm1(2 * log_a), SMALLEST))
    return tl.exp(log_a), root * tl.sigmoid(x[1]) * x[2]


@triton.jit
def rg_lru_retreat(x, before, after, dy, dc):
    """As ``statewise.ops.cells.rg_lru``."""
    r, i = tl.sigmoid(x[0]), tl.sigmoid(x[1])
    log_a = x[3] * r
    a, rest = tl.exp(log_a), -expm1(2 * log_a)
    root = tl.sqrt(tl.maximum(rest, SMALLEST))
    slope = tl.where(rest > SMALLEST, a * a / root, 0.0)
    written = dc * root * i
    dlog = dc * (a * before - i * x[2] * slope)
    return dlog * x[3] * r * (1 - r), written * x[2] * (1 - i), written, dlog * r


CELLS: dict[Any, tuple[Any, Any, Any]] = {
    MinGRUCell: (min_gru_coefficients, all_of, min_gru_retreat),
    MinLSTMCell: (min_lstm_coefficients, all_of, min_lstm_retreat),
    FPoolCell: (f_pool_coefficients, all_of, f_pool_retreat),
    FOPoolCell: (f_pool_coefficients, gated, fo_pool_retreat),
    RGLRUCell: (rg_lru_coefficients, all_of, rg_lru_retreat),
    IFOPoolCell: (ifo_pool_coefficients, gated, ifo_pool_retreat),
}
"""Cell -> its coefficients, what it reads of its state, and how it retreats"""
