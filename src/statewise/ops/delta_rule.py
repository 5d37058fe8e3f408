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

It is solved for all chunks at once, but for S_0; what is left is a loop over chunks.
"""

import torch
from torch import Tensor

from statewise.ops.chunks import below, despite_what_is_not_finite, in_chunks, kept_between
from statewise.ops.forms import Forms

CHUNK = 32
"""Steps in a chunk."""


def delta_rule(q: Tensor, k: Tensor, v: Tensor, log_a: Tensor, b: Tensor, initial: Tensor) -> tuple[Tensor, Tensor]:
    """All outputs of the recurrence, going on from a state.

    Args:
        q: ``(B, T, N, K)``, T >= 1.
        k: ``(B, T, N, K)``.
        v: ``(B, T, N, V)``.
        log_a: ``(B, T, N, 1)``, the logarithm of ``a``; -inf empties.
        b: ``(B, T, N, 1)``.
        initial: ``(B, N, K, V)``, the state before the first step.

    Returns:
        ``y (B, T, N, V)`` and the state after the last step, ``(B, N, K, V)``. There are derivatives of every order.
        What a head makes of anything that is not finite is NaN, in all its channels.

    >>> ones = torch.ones(1, 2, 1, 1)
    >>> y, state = delta_rule(ones, ones, ones, 0 * ones, ones / 2, torch.zeros(1, 1, 1, 1))
    >>> y.flatten()
    tensor([0.5000, 0.7500])
    """
    return FORMS(q, k, v, log_a.clamp(min=torch.finfo(log_a.dtype).min), b, initial)


def reference(q: Tensor, k: Tensor, v: Tensor, log_a: Tensor, b: Tensor, initial: Tensor) -> tuple[Tensor, Tensor]:
    """The equation, step by step: what every other form must equal."""
    state, outputs = initial, []
    sequences = (q, k, v, log_a.exp(), b)
    for q_t, k_t, v_t, a_t, b_t in zip(*(x.unbind(1) for x in sequences), strict=True):
        state = a_t.unsqueeze(-1) * state
        recalled = (k_t.unsqueeze(-1) * state).sum(-2)
        state = state + k_t.unsqueeze(-1) * (b_t * (v_t - recalled)).unsqueeze(-2)
        outputs.append((q_t.unsqueeze(-1) * state).sum(-2))
    return torch.stack(outputs, dim=1), state


def chunked(q: Tensor, k: Tensor, v: Tensor, log_a: Tensor, b: Tensor, initial: Tensor) -> tuple[Tensor, Tensor]:
    """Chunk by chunk of time."""
    return despite_what_is_not_finite(_in_chunks, q, (k, v, log_a, b), initial)


def rule(q: Tensor, k: Tensor, v: Tensor, log_a: Tensor, b: Tensor, initial: Tensor) -> str:
    """Which form runs: the one in chunks, on every device."""
    return "chunked"


FORMS = Forms("delta_rule", {"reference": reference, "chunked": chunked}, rule)


def _in_chunks(q: Tensor, k: Tensor, v: Tensor, log_a: Tensor, b: Tensor, initial: Tensor) -> tuple[Tensor, Tensor]:
    return in_chunks(_equal_chunks, CHUNK, (q, k, v, log_a, b), initial)


def _equal_chunks(q: Tensor, k: Tensor, v: Tensor, log_a: Tensor, b: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """For ``(B, C, N, Q, ...)``, C chunks of Q steps each; the outputs as ``v``."""
    kept = kept_between(log_a).squeeze(-1)  # (B, C, N, Q, Q)
    since_start = log_a.cumsum(-2).exp()
    written, replaced = _solved(k, v, b, since_start, kept)
    weights = below(q @ k.mT, diagonal=True) * kept
    by_state, left = q * since_start, k * kept[..., -1, :].unsqueeze(-1)
    kept_whole = since_start[..., -1:, :]
    outputs = []
    chunks = (x.unbind(1) for x in (written, replaced, weights, by_state, left, kept_whole))
    for written_c, replaced_c, weights_c, by_state_c, left_c, kept_c in zip(*chunks, strict=True):
        u = written_c - replaced_c @ state
        outputs.append(weights_c @ u + by_state_c @ state)
        state = kept_c * state + left_c.mT @ u
    return torch.stack(outputs, dim=1), state


def _solved(k: Tensor, v: Tensor, b: Tensor, since_start: Tensor, kept: Tensor) -> tuple[Tensor, Tensor]:
    """``u = written - replaced S_0``: two matrices, ``(B, C, N, Q, V)`` and ``(B, C, N, Q, K)``."""
    overlaps = b * below(k @ k.mT, diagonal=False) * kept
    right = torch.cat([b * v, b * since_start * k], dim=-1)
    solved = torch.linalg.solve_triangular(overlaps, right, upper=False, unitriangular=True)
    written, replaced = solved.split([v.shape[-1], k.shape[-1]], dim=-1)
    return written, replaced
