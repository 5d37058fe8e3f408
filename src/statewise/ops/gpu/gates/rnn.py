"""The nonlinearities of RNNs."""

import triton
import triton.language as tl

from statewise.ops.gpu.blocks import tanh


@triton.jit
def tanh_advance(x, u, h, m, own, width, inside):
    """As ``statewise.ops.gates.rnn``."""
    return tanh(x[0] + u[0]), ()


@triton.jit
def tanh_retreat(dh, dm, x, u, h, m, own, width, inside):
    """As ``statewise.ops.gates.rnn``."""
    y = tanh(x[0] + u[0])
    da = (dh * (1 - y * y),)
    return da, da, 0 * dh, (), ()


@triton.jit
def relu_advance(x, u, h, m, own, width, inside):
    """As ``statewise.ops.gates.rnn``. NaN stays NaN."""
    a = x[0] + u[0]
    return tl.where(a < 0, 0.0, a), ()


@triton.jit
def relu_retreat(dh, dm, x, u, h, m, own, width, inside):
    """As ``statewise.ops.gates.rnn``."""
    da = (tl.where(x[0] + u[0] > 0, dh, 0.0),)
    return da, da, 0 * dh, (), ()


@triton.jit
def modrelu_advance(x, u, h, m, own, width, inside):
    """As ``statewise.ops.gates.modrelu``. NaN stays NaN."""
    a = x[0] + u[0]
    size = tl.abs(a) + own[0]
    signed = tl.where(a > 0, size, -size)
    return tl.where((size <= 0) | (a == 0), 0.0, signed), ()


@triton.jit
def modrelu_retreat(dh, dm, x, u, h, m, own, width, inside):
    """As ``statewise.ops.gates.modrelu``."""
    a = x[0] + u[0]
    off = (tl.abs(a) + own[0] <= 0) | (a == 0)
    da = (tl.where(off, 0.0, dh),)
    return da, da, 0 * dh, (), (tl.where(off, 0.0, tl.where(a > 0, dh, -dh)),)
