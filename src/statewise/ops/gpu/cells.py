"""What cells of an elementwise recurrence do to a block of numbers at one step, for Triton kernels.

``x`` points to the first vector of a step, the next ones follow ``size`` numbers later; ``dx`` likewise. ``w`` and
``v`` are the first and the last vector of weights. Advancing gives c' and y; retreating, from the cotangents of y and
c', gives those of c, w and v, and stores those of x and s.
"""

from typing import Any

import triton
import triton.language as tl

from statewise.ops.cells.ind_rnn import ReluIndRNNCell, TanhIndRNNCell
from statewise.ops.cells.sru import SRUCell


@triton.jit
def sru_advance(x, s, w, v, c, size, inside):
    """As ``statewise.ops.cells.sru``."""
    new = tl.load(x, mask=inside, other=0.0).to(c.dtype)
    f = tl.sigmoid(tl.load(x + size, mask=inside, other=0.0).to(c.dtype) + w * c)
    r = tl.sigmoid(tl.load(x + 2 * size, mask=inside, other=0.0).to(c.dtype) + v * c)
    passing = tl.load(s, mask=inside, other=0.0).to(c.dtype)
    after = f * c + (1 - f) * new
    return after, r * after + (1 - r) * passing


@triton.jit
def sru_retreat(dy, dc, x, s, w, v, c, after, dx, ds, size, inside):
    """As ``statewise.ops.cells.sru``."""
    new = tl.load(x, mask=inside, other=0.0).to(c.dtype)
    f = tl.sigmoid(tl.load(x + size, mask=inside, other=0.0).to(c.dtype) + w * c)
    r = tl.sigmoid(tl.load(x + 2 * size, mask=inside, other=0.0).to(c.dtype) + v * c)
    passing = tl.load(s, mask=inside, other=0.0).to(c.dtype)
    read = dy * r
    dr = read * (1 - r) * (after - passing)
    kept = (dc + read) * f
    df = kept * (1 - f) * (c - new)
    tl.store(ds, dy - read, mask=inside)
    tl.store(dx, dc + read - kept, mask=inside)
    tl.store(dx + size, df, mask=inside)
    tl.store(dx + 2 * size, dr, mask=inside)
    return kept + df * w + dr * v, df * c, dr * c


@triton.jit
def relu_ind_rnn_advance(x, s, w, v, c, size, inside):
    """As ``statewise.ops.cells.ind_rnn``. NaN stays NaN."""
    a = tl.load(x, mask=inside, other=0.0).to(c.dtype) + w * c
    after = tl.where(a < 0, 0.0, a)
    return after, after


@triton.jit
def relu_ind_rnn_retreat(dy, dc, x, s, w, v, c, after, dx, ds, size, inside):
    """As ``statewise.ops.cells.ind_rnn``."""
    da = tl.where(after > 0, dc + dy, 0.0)
    tl.store(dx, da, mask=inside)
    return da * w, da * c, da * 0


@triton.jit
def tanh_ind_rnn_advance(x, s, w, v, c, size, inside):
    """As ``statewise.ops.cells.ind_rnn``; tanh(a) is 2 sigmoid(2 a) - 1."""
    after = 2 * tl.sigmoid(2 * (tl.load(x, mask=inside, other=0.0).to(c.dtype) + w * c)) - 1
    return after, after


@triton.jit
def tanh_ind_rnn_retreat(dy, dc, x, s, w, v, c, after, dx, ds, size, inside):
    """As ``statewise.ops.cells.ind_rnn``."""
    da = (dc + dy) * (1 - after * after)
    tl.store(dx, da, mask=inside)
    return da * w, da * c, da * 0


CELLS: dict[Any, tuple[Any, Any]] = {
    SRUCell: (sru_advance, sru_retreat),
    ReluIndRNNCell: (relu_ind_rnn_advance, relu_ind_rnn_retreat),
    TanhIndRNNCell: (tanh_ind_rnn_advance, tanh_ind_rnn_retreat),
}
"""Cell -> how it advances and how it retreats"""
