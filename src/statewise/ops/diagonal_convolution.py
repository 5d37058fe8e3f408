"""Many diagonal state-space models at once.

    h_t = h_{t-1} + ((abar - 1) * h_{t-1} + bbar * u_t),    s_t = 2 Re(sum_n c_n h_{t,n})

A slow system has an abar next to 1, which as a rounded number would have lost the digits that say how slow: steps add
what they change. One fast form is a convolution inside each block of time and a recurrence between blocks. For a block
of Q steps, with h_0 the state before it:

    s_q = sum_{r <= q} k_{q-r} u_r + 2 Re(sum_n c_n abar_n^{q+1} h_{0,n}),    k_j = 2 Re(sum_n c_n abar_n^j bbar_n)
    h_Q = abar^Q * h_0 + sum_r abar^{Q-1-r} bbar u_r

All three sums are matrix products, and of the states ``(B, T, D, N)`` only those between blocks are ever written. The
matrices are made once, for a whole block; shorter ones are cut from them. One FFT over the sequence would spread
rounding errors, and whatever is not a number, from the future into the past.

On CPUs with numba one compiled loop each way takes resets as they lie, and makes the states that it needs once more on
the way back. On GPUs one Triton kernel each way does; so far that was run by Triton's interpreter alone, on no GPU.
"""

from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from statewise.autocast import unrounded
from statewise.contract.segments import Segments, segment_by_segment
from statewise.ops.checkpointed import checkpointed
from statewise.ops.compiled.compiler import compiled_loops_serve
from statewise.ops.forms import Forms
from statewise.ops.gpu.serving import kernels_serve
from statewise.ops.linear_recurrence import linear_recurrence
from statewise.ops.shapes import Shapes

BLOCK = 32
"""Steps in a block, the fastest on a CPU for 16 to 64 states: the first sum costs T BLOCK, the others T N."""

FEW = 16
"""States a channel for which the compiled loop trains faster than products in blocks, where nothing is reset"""

LANES = 16
"""Channels below which products in blocks are faster, where nothing is reset: the loop works on so many at once"""

SHAPES = Shapes("diagonal_convolution", {"u": "B T D", "log_a": "D N", "b": "D N", "c": "D N", "initial": "B D N"})


def diagonal_convolution(
    u: Tensor, log_a: Tensor, b: Tensor, c: Tensor, initial: Tensor, segments: Segments | None = None
) -> tuple[Tensor, Tensor]:
    """The outputs of one diagonal state-space model a channel, going on from a state.

    Args:
        u: ``(B, T, D)`` real, T >= 1.
        log_a: ``(D, N)`` complex, the logarithm of ``abar``.
        b: ``(D, N)`` complex, ``bbar``.
        c: ``(D, N)`` complex.
        initial: ``(B, D, N)`` complex, the state before the first step.
        segments: that begin anew, from zeros, inside the rows.

    Returns:
        ``s (B, T, D)`` real and the state after the last step, complex like ``initial``. Gradients flow to all five;
        the compiled loop and the kernel refuse a second derivative.

    >>> half, one = torch.full((1, 1), 0.5 + 0j), torch.ones(1, 1, dtype=torch.complex64)
    >>> s, h = diagonal_convolution(torch.ones(1, 3, 1), half.log(), one, one / 2, torch.zeros(1, 1, 1) + 0j)
    >>> s.flatten(), h.flatten()
    (tensor([1.0000, 1.5000, 1.7500]), tensor([1.7500+0.j]))
    """
    SHAPES.check(u, log_a, b, c, initial, segments=segments)
    return FORMS(u, log_a, b, c, initial, segments)


def reference(
    u: Tensor, log_a: Tensor, b: Tensor, c: Tensor, initial: Tensor, segments: Segments | None = None
) -> tuple[Tensor, Tensor]:
    """The equation, step by step: what every other form must equal."""
    if segments is not None:
        return segment_by_segment(lambda rows, h: reference(rows, log_a, b, c, h), u, initial, segments)
    change, h, outputs = log_a.expm1(), initial, []
    for u_t in u.unbind(1):
        h = h + (change * h + b * u_t.unsqueeze(-1))
        outputs.append(2 * (c * h).sum(-1).real)
    return torch.stack(outputs, dim=1), h


def in_blocks(
    u: Tensor, log_a: Tensor, b: Tensor, c: Tensor, initial: Tensor, segments: Segments | None = None
) -> tuple[Tensor, Tensor]:
    """Blocks of equal length, then what is left."""
    with unrounded(u):
        matrices = _matrices(log_a, b, c, min(BLOCK, u.shape[1]))
        if segments is None:
            return _whole_rows(matrices, u, initial)
        return segment_by_segment(partial(_whole_rows, matrices), u, initial, segments)


def compiled(
    u: Tensor, log_a: Tensor, b: Tensor, c: Tensor, initial: Tensor, segments: Segments | None = None
) -> tuple[Tensor, Tensor]:
    """As one compiled loop each way, with numba and on a CPU; all arguments of one precision."""
    from statewise.ops.compiled.diagonal import Loops

    return checkpointed("diagonal_convolution", Loops(segments), u, log_a.expm1(), b, c, initial)


def triton(
    u: Tensor, log_a: Tensor, b: Tensor, c: Tensor, initial: Tensor, segments: Segments | None = None
) -> tuple[Tensor, Tensor]:
    """As one kernel each way, with Triton and on a GPU; all arguments of one precision."""
    from statewise.ops.gpu.diagonal import DiagonalModels

    return checkpointed("diagonal_convolution", DiagonalModels(segments), u, log_a.expm1(), b, c, initial)


def rule(u: Tensor, log_a: Tensor, b: Tensor, c: Tensor, initial: Tensor, segments: Segments | None = None) -> str:
    """Which form runs: on a GPU the kernel where it can, on a CPU the loop, but not always where nothing is reset.

    For few channels, and to train many states, it is slower than products in blocks.
    """
    complex_ones = (log_a, b, c, initial)
    if u.is_complex() or any(x.dtype != u.dtype.to_complex() for x in complex_ones):
        return "in_blocks"
    if kernels_serve(u, *complex_ones):
        return "triton"
    channels, states = b.shape
    if segments is None and (channels < LANES or (states > FEW and torch.is_grad_enabled())):
        return "in_blocks"
    return "compiled" if compiled_loops_serve(u, *complex_ones) else "in_blocks"


FORMS = Forms(
    "diagonal_convolution",
    {"reference": reference, "in_blocks": in_blocks, "compiled": compiled, "triton": triton},
    rule,
)


class _Matrices(NamedTuple):
    """What a block of Q steps is multiplied with; a shorter one takes what it needs of it."""

    powers: Tensor
    """``(D, N, Q + 1)``: abar^q, from 0 on"""
    written: Tensor
    """``(D, Q, N)``: what an input leaves in the state at the end of the block"""
    read: Tensor
    """``(D, N, Q)``: what the state before the block adds to an output, as 2 c abar^(q + 1)"""
    triangle: Tensor
    """``(D, Q, Q)``: what an input adds to an output"""


def _matrices(log_a: Tensor, b: Tensor, c: Tensor, steps: int) -> _Matrices:
    powers = (log_a.unsqueeze(-1) * torch.arange(steps + 1, device=log_a.device)).exp()
    written = (powers[..., :-1].flip(-1) * b.unsqueeze(-1)).transpose(1, 2)
    kernel = 2 * ((c * b).unsqueeze(-1) * powers[..., :-1]).sum(1).real
    return _Matrices(powers, written, 2 * c.unsqueeze(-1) * powers[..., 1:], triangle(kernel))


def _whole_rows(matrices: _Matrices, u: Tensor, initial: Tensor) -> tuple[Tensor, Tensor]:
    whole = u.shape[1] - u.shape[1] % BLOCK
    outputs, h = [], initial
    for part in (u[:, :whole], u[:, whole:]):
        if part.shape[1]:
            blocks = part.unflatten(1, (-1, min(BLOCK, part.shape[1])))
            s, h = _equal_blocks(matrices, blocks.permute(3, 0, 1, 2), h)
            outputs.append(s.permute(1, 2, 3, 0).flatten(1, 2))
    return torch.cat(outputs, dim=1), h


def _equal_blocks(matrices: _Matrices, u: Tensor, initial: Tensor) -> tuple[Tensor, Tensor]:
    """``in_blocks`` for ``u (D, B, K, Q)``, K blocks of Q steps each; the outputs in the same shape."""
    steps = u.shape[3]
    added = _contract(u, matrices.written[:, -steps:])  # (D, B, K, N)
    over_block, at_start = matrices.powers[..., steps], initial.unsqueeze(1)
    if u.shape[2] == 1:
        h = torch.addcmul(added.permute(1, 2, 0, 3).contiguous(), over_block, at_start)
        before = at_start
    else:
        h = linear_recurrence(over_block, added.permute(1, 2, 0, 3), initial)  # (B, K, D, N)
        before = torch.cat([at_start, h[:, :-1]], dim=1)
    carried = _real_part_contract(before.permute(2, 0, 1, 3), matrices.read[..., :steps])
    return convolve(u, matrices.triangle[:, :steps, :steps]) + carried, h[:, -1].clone()


def _contract(u: Tensor, matrix: Tensor) -> Tensor:
    """Real ``u (D, B, K, Q)`` times a complex ``matrix (D, Q, N)``, as one real product: ``(D, B, K, N)``."""
    pairs = torch.view_as_real(matrix).flatten(-2)
    product = torch.bmm(u.flatten(1, 2), pairs)
    return torch.view_as_complex(product.unflatten(1, u.shape[1:3]).unflatten(-1, (-1, 2)))


def _real_part_contract(h: Tensor, matrix: Tensor) -> Tensor:
    """The real part of complex ``h (D, B, K, N)`` times a complex ``matrix (D, N, Q)``: ``(D, B, K, Q)``."""
    pairs = torch.view_as_real(matrix.conj().resolve_conj().transpose(1, 2)).flatten(-2)
    product = torch.bmm(torch.view_as_real(h).flatten(-2).flatten(1, 2), pairs.transpose(1, 2))
    return product.unflatten(1, h.shape[1:3])


def triangle(kernel: Tensor) -> Tensor:
    """The matrix ``(D, Q, Q)`` that convolves Q steps with ``kernel (D, Q)``: ``kernel[d, q - r]`` at r, q."""
    steps = torch.arange(kernel.shape[1], device=kernel.device)
    lag = steps - steps.unsqueeze(1)
    return torch.where(lag >= 0, kernel[:, lag.clamp(min=0)], 0.0)


def convolve(u: Tensor, triangle: Tensor) -> Tensor:
    """``sum_{r <= q} kernel[d, q - r] u[d, ..., r]`` as a product with a triangular matrix.

    What is not finite would reach the past through the zeros above the diagonal: it is taken out before the product,
    and from its own step on the result is not a number. Zeros times numbers, however large, are exact.
    """
    finite = u.isfinite()
    product = torch.bmm(torch.where(finite, u, 0.0).flatten(1, 2), triangle).unflatten(1, u.shape[1:3])
    return product.masked_fill((~finite).cumsum(-1) > 0, float("nan"))
