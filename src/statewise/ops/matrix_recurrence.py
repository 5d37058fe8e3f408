"""The linear recurrence with a matrix for a state, of which each step writes an outer product and reads a product.

    S_t = a_t * S_{t-1} + k_t v_t^T,    y_t = S_t^T q_t

a_t is one number a head, or one a key channel, which decays a row of S. Katharopoulos et al. 2020, "Transformers are
RNNs", eq. 18 to 20, with the decays of Sun et al. 2023 (RetNet), Yang et al. 2023 (gated linear attention, eq. 3) and
Dao & Gu 2024 (Mamba-2, eq. 16). The fast form works in chunks of Q steps, with S_0 the state before them:

    y_t = sum_{s <= t} (q_t . (a_{s+1} ... a_t * k_s)) v_s + S_0^T (a_1 ... a_t * q_t)
    S_Q = a_1 ... a_Q * S_0 + sum_s (a_{s+1} ... a_Q * k_s) v_s^T

All sums are matrix products (Dao & Gu 2024, section 6; Yang et al. 2023, section 4), and only the states between chunks
are ever written. No product of decays is divided by another: both may be too small to be told from zero.
"""

import torch
from torch import Tensor

from statewise.contract.segments import Segments, segment_by_segment
from statewise.ops.chunks import below, despite_what_is_not_finite, emptying, in_chunks, kept_between, vanishing
from statewise.ops.forms import Forms
from statewise.ops.linear_recurrence import linear_recurrence
from statewise.ops.shapes import Shapes

CHUNK = 32
"""Steps in a chunk where a head has one decay: products within chunks cost T CHUNK, those with states T K V / CHUNK."""

CHUNK_OF_CHANNELS = 8
"""Where every key channel has its own: there are ``T CHUNK_OF_CHANNELS K`` decays between two steps of a chunk."""

SHAPES = Shapes(
    "matrix_recurrence", {"q": "B T N K", "k": "B T N K", "v": "B T N V", "log_a": "B T N K?", "initial": "B N K V"}
)


def matrix_recurrence(
    q: Tensor, k: Tensor, v: Tensor, log_a: Tensor, initial: Tensor, segments: Segments | None = None
) -> tuple[Tensor, Tensor]:
    """All outputs of the recurrence, going on from a state.

    Args:
        q: ``(B, T, N, K)``, T >= 1.
        k: ``(B, T, N, K)``.
        v: ``(B, T, N, V)``.
        log_a: the logarithm of ``a``: ``(B, T, N, 1)``, or ``(B, T, N, K)`` for a decay a key channel; -inf empties.
        initial: ``(B, N, K, V)``, the state before the first step.
        segments: that begin anew, from zeros, inside the rows.

    Returns:
        ``y (B, T, N, V)`` and the state after the last step, ``(B, N, K, V)``. There are derivatives of every order.
        What a head makes of anything that is not finite is NaN, in all its channels.

    >>> ones = torch.ones(1, 3, 1, 1)
    >>> y, state = matrix_recurrence(ones, ones, ones, (ones / 2).log(), torch.zeros(1, 1, 1, 1))
    >>> y.flatten(), state.flatten()
    (tensor([1.0000, 1.5000, 1.7500]), tensor([1.7500]))
    """
    SHAPES.check(q, k, v, log_a, initial, segments=segments)
    return FORMS(q, k, v, log_a.clamp(min=torch.finfo(log_a.dtype).min), initial, segments)


def reference(
    q: Tensor, k: Tensor, v: Tensor, log_a: Tensor, initial: Tensor, segments: Segments | None = None
) -> tuple[Tensor, Tensor]:
    """The equation, step by step: what every other form must equal."""
    if segments is not None:
        return segment_by_segment(_reference_of, (q, k, v, log_a), initial, segments)
    state, outputs = initial, []
    for q_t, k_t, v_t, a_t in zip(q.unbind(1), k.unbind(1), v.unbind(1), log_a.exp().unbind(1), strict=True):
        state = a_t.unsqueeze(-1) * state + k_t.unsqueeze(-1) * v_t.unsqueeze(-2)
        outputs.append((q_t.unsqueeze(-1) * state).sum(-2))
    return torch.stack(outputs, dim=1), state


def _reference_of(sequences: tuple[Tensor, ...], initial: Tensor) -> tuple[Tensor, Tensor]:
    q, k, v, log_a = sequences
    return reference(q, k, v, log_a, initial)


def chunked(
    q: Tensor, k: Tensor, v: Tensor, log_a: Tensor, initial: Tensor, segments: Segments | None = None
) -> tuple[Tensor, Tensor]:
    """Chunk by chunk of time."""

    def recur(q: Tensor, k: Tensor, v: Tensor, log_a: Tensor, initial: Tensor) -> tuple[Tensor, Tensor]:
        steps = CHUNK if log_a.shape[-1] == 1 else CHUNK_OF_CHANNELS
        return in_chunks(_equal_chunks, steps, (q, k, v, emptying(log_a, segments)), initial)

    return despite_what_is_not_finite(recur, q, (k, v, log_a), initial, segments)


def rule(q: Tensor, k: Tensor, v: Tensor, log_a: Tensor, initial: Tensor, segments: Segments | None = None) -> str:
    """Which form runs: the one in chunks, on every device.

    It is made of products, and between chunks of ``linear_recurrence``, which has a kernel where there is a GPU.
    """
    return "chunked"


FORMS = Forms("matrix_recurrence", {"reference": reference, "chunked": chunked}, rule)


def _equal_chunks(q: Tensor, k: Tensor, v: Tensor, log_a: Tensor, initial: Tensor) -> tuple[Tensor, Tensor]:
    """For ``(B, C, N, Q, ...)``, C chunks of Q steps each; the outputs as ``v``."""
    kept = kept_between(log_a)  # (B, C, N, Q, Q, 1 or K)
    since_start = vanishing(log_a.cumsum(-2))
    added = (k * kept[..., -1, :, :]).mT @ v
    states = linear_recurrence(since_start[..., -1, :].unsqueeze(-1), added, initial)
    before = torch.cat([initial.unsqueeze(1), states[:, :-1]], dim=1)
    y = _weights(q, k, kept) @ v + (q * since_start) @ before
    return y, states[:, -1].clone()


def _weights(q: Tensor, k: Tensor, kept: Tensor) -> Tensor:
    """``q_t . (a_{s+1} ... a_t * k_s)`` at ``[t, s]``, 0 where t < s."""
    if kept.shape[-1] == 1:
        return below(q @ k.mT, diagonal=True) * kept.squeeze(-1)
    return torch.einsum("...tsk,...sk->...ts", q.unsqueeze(-2) * kept, k)
