"""The gated delta rule: a matrix for a state, in which each step replaces what a key stands for.

    S_t = a_t (S_{t-1} - b_t k_t (k_t^T S_{t-1})) + b_t k_t v_t^T = a_t (I - b_t k_t k_t^T) S_{t-1} + b_t k_t v_t^T
    y_t = S_t^T q_t

Yang, Kautz & Hatamizadeh 2024, "Gated Delta Networks", arXiv 2412.06464, eq. 10, of which ours is the transpose; with
a_t = 1 the delta rule of Schlag, Irie & Schmidhuber 2021. Keys should have length 1 and b_t stand in [0, 2], or states
may grow. Every step adds an outer product k_t u_t^T to what the decays have left, with

    u_t = b_t (v_t - a_t S_{t-1}^T k_t)

so that within a chunk of Q steps, S_0 being the state before it, the u solve a triangular system (the WY form of Yang
et al. 2024, "Parallelizing Linear Transformers with the Delta Rule", arXiv 2406.06484, section 3):

    u_t + b_t sum_{s < t} (a_{s+1} ... a_t) (k_t . k_s) u_s = b_t v_t - b_t (a_1 ... a_t) S_0^T k_t

It is solved for all chunks at once, but for S_0; what is left, from chunk to chunk, is a loop: ``chunked`` has it step
by step in torch's own operations, ``triton`` as one kernel each way, for GPUs. So far that was run by Triton's
interpreter alone, on no GPU; all else are products of torch's.
"""

from functools import partial
from typing import Any

import torch
from torch import Tensor

from statewise.contract.segments import Segments, segment_by_segment
from statewise.ops.chunks import below, despite_what_is_not_finite, emptying, in_chunks, kept_between, vanishing
from statewise.ops.forms import Forms
from statewise.ops.gpu.serving import kernels_serve
from statewise.ops.shapes import Shapes

CHUNK = 32
"""Steps in a chunk."""

WIDEST = 128
"""K up to which a program on a GPU has room for some columns of a state"""

SHAPES = Shapes(
    "delta_rule",
    {"q": "B T N K", "k": "B T N K", "v": "B T N V", "log_a": "B T N 1", "b": "B T N 1", "initial": "B N K V"},
)


def delta_rule(
    q: Tensor, k: Tensor, v: Tensor, log_a: Tensor, b: Tensor, initial: Tensor, segments: Segments | None = None
) -> tuple[Tensor, Tensor]:
    """All outputs of the recurrence, going on from a state.

    Args:
        q: ``(B, T, N, K)``, T >= 1.
        k: ``(B, T, N, K)``.
        v: ``(B, T, N, V)``.
        log_a: ``(B, T, N, 1)``, the logarithm of ``a``; -inf empties.
        b: ``(B, T, N, 1)``.
        initial: ``(B, N, K, V)``, the state before the first step.
        segments: that begin anew, from zeros, inside the rows.

    Returns:
        ``y (B, T, N, V)`` and the state after the last step, ``(B, N, K, V)``. There are derivatives of every order.
        What a head makes of anything that is not finite is NaN, in all its channels.

    >>> ones = torch.ones(1, 2, 1, 1)
    >>> y, state = delta_rule(ones, ones, ones, 0 * ones, ones / 2, torch.zeros(1, 1, 1, 1))
    >>> y.flatten()
    tensor([0.5000, 0.7500])
    """
    SHAPES.check(q, k, v, log_a, b, initial, segments=segments)
    return FORMS(q, k, v, log_a.clamp(min=torch.finfo(log_a.dtype).min), b, initial, segments)


def reference(
    q: Tensor, k: Tensor, v: Tensor, log_a: Tensor, b: Tensor, initial: Tensor, segments: Segments | None = None
) -> tuple[Tensor, Tensor]:
    """The equation, step by step: what every other form must equal."""
    if segments is not None:
        return segment_by_segment(_reference_of, (q, k, v, log_a, b), initial, segments)
    state, outputs = initial, []
    sequences = (q, k, v, log_a.exp(), b)
    for q_t, k_t, v_t, a_t, b_t in zip(*(x.unbind(1) for x in sequences), strict=True):
        state = a_t.unsqueeze(-1) * state
        recalled = (k_t.unsqueeze(-1) * state).sum(-2)
        state = state + k_t.unsqueeze(-1) * (b_t * (v_t - recalled)).unsqueeze(-2)
        outputs.append((q_t.unsqueeze(-1) * state).sum(-2))
    return torch.stack(outputs, dim=1), state


def _reference_of(sequences: tuple[Tensor, ...], initial: Tensor) -> tuple[Tensor, Tensor]:
    q, k, v, log_a, b = sequences
    return reference(q, k, v, log_a, b, initial)


def chunked(
    q: Tensor, k: Tensor, v: Tensor, log_a: Tensor, b: Tensor, initial: Tensor, segments: Segments | None = None
) -> tuple[Tensor, Tensor]:
    """Chunk by chunk of time."""
    return _in_chunks(_states, segments, q, (k, v, log_a, b), initial)


def triton(
    q: Tensor, k: Tensor, v: Tensor, log_a: Tensor, b: Tensor, initial: Tensor, segments: Segments | None = None
) -> tuple[Tensor, Tensor]:
    """The same, with Triton and on a GPU."""
    return _in_chunks(_KernelStates.apply, segments, q, (k, v, log_a, b), initial)


def rule(
    q: Tensor, k: Tensor, v: Tensor, log_a: Tensor, b: Tensor, initial: Tensor, segments: Segments | None = None
) -> str:
    """Which form runs: both are made of chunks, between which a GPU has its kernel."""
    alike = all(t.dtype == q.dtype for t in (k, v, log_a, b, initial))
    fits = k.shape[-1] <= WIDEST
    return "triton" if alike and fits and kernels_serve(q, k, v, log_a, b, initial) else "chunked"


FORMS = Forms("delta_rule", {"reference": reference, "chunked": chunked, "triton": triton}, rule)


def _in_chunks(
    states: Any, segments: Segments | None, q: Tensor, given: tuple[Tensor, ...], initial: Tensor
) -> tuple[Tensor, Tensor]:
    def recur(q: Tensor, k: Tensor, v: Tensor, log_a: Tensor, b: Tensor, initial: Tensor) -> tuple[Tensor, Tensor]:
        sequences = (q, k, v, emptying(log_a, segments), b)
        return in_chunks(partial(_equal_chunks, states), CHUNK, sequences, initial)

    return despite_what_is_not_finite(recur, q, given, initial, segments)


def _equal_chunks(
    states: Any, q: Tensor, k: Tensor, v: Tensor, log_a: Tensor, b: Tensor, initial: Tensor
) -> tuple[Tensor, Tensor]:
    """For ``(B, C, N, Q, ...)``, C chunks of Q steps each; the outputs as ``v``."""
    kept = kept_between(log_a).squeeze(-1)  # (B, C, N, Q, Q)
    since_start = vanishing(log_a.cumsum(-2))
    written, replaced = _solved(k, v, b, since_start, kept)
    left = k * kept[..., -1, :].unsqueeze(-1)
    u, before, last = states(written, replaced, left, since_start[..., -1:, :], initial)
    weights = below(q @ k.mT, diagonal=True) * kept
    return weights @ u + (q * since_start) @ before, last


def _states(
    written: Tensor, replaced: Tensor, left: Tensor, kept: Tensor, state: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """What each chunk adds, ``u (B, C, N, Q, V)``, the states before all chunks, and the last.

    From ``written (B, C, N, Q, V)``, ``replaced`` and ``left (B, C, N, Q, K)``, ``kept (B, C, N, 1, 1)`` and the first.
    """
    added, before = [], []
    chunks = (x.unbind(1) for x in (written, replaced, left, kept))
    for written_c, replaced_c, left_c, kept_c in zip(*chunks, strict=True):
        before.append(state)
        added.append(written_c - replaced_c @ state)
        state = kept_c * state + left_c.mT @ added[-1]
    return torch.stack(added, dim=1), torch.stack(before, dim=1), state


class _KernelStates(torch.autograd.Function):
    """``_states`` by kernels; second derivatives are those of ``_states``."""

    @staticmethod
    def forward(ctx: Any, *arguments: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        from statewise.ops.gpu import delta

        results = delta.states(*arguments)
        ctx.save_for_backward(*arguments, *results[:2])
        return results

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor) -> tuple[Tensor, ...]:
        written, replaced, left, kept, initial, u, before = ctx.saved_tensors
        if torch.is_grad_enabled():
            gradients: tuple[Tensor, ...]
            gradients = torch.func.vjp(_states, written, replaced, left, kept, initial)[1](cotangents)
            return gradients
        from statewise.ops.gpu import delta

        du, d_before, d_last = cotangents
        return delta.gradients(replaced, left, kept, u, before, du, d_before, d_last)


def _solved(k: Tensor, v: Tensor, b: Tensor, since_start: Tensor, kept: Tensor) -> tuple[Tensor, Tensor]:
    """``u = written - replaced S_0``: two matrices, ``(B, C, N, Q, V)`` and ``(B, C, N, Q, K)``."""
    overlaps = b * below(k @ k.mT, diagonal=False) * kept
    right = torch.cat([b * v, b * since_start * k], dim=-1)
    solved = torch.linalg.solve_triangular(overlaps, right, upper=False, unitriangular=True)
    written, replaced = solved.split([v.shape[-1], k.shape[-1]], dim=-1)
    return written, replaced
