"""A whole plain RNN, LSTM or GRU: the recurrences that torch has kernels of, oneDNN's on a CPU and cuDNN's on a GPU.

    h_t, m_t = gates(W x_t + b_W, U h_{t-1} + b_U, h_{t-1}, m_{t-1})

``dense`` is ``dense_recurrence`` with W x before it, in one of the forms that there are of that: a compiled loop on a
CPU, Triton's kernels on a GPU. ``torch`` is torch's kernel, which knows of no resets and is run on segments as rows.
Which is faster was measured (docs/performance.md, "Plain recurrent layers"); the rule below says so. Letters: B rows, T
steps, D inputs, H width, R gates.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from statewise.contract.segments import Segments, segment_by_segment
from statewise.ops.compiled.compiler import compiled_loops_serve
from statewise.ops.dense_recurrence import FORMS as DENSE
from statewise.ops.dense_recurrence import dense_recurrence
from statewise.ops.forms import Forms
from statewise.ops.gates.gru import GRUGates
from statewise.ops.gates.lstm import LSTMGates
from statewise.ops.gates.rnn import ReluGates, TanhGates
from statewise.ops.linear import linear
from statewise.ops.transforms import beyond_reverse_mode

State = tuple[Tensor, ...]
"""``(B, H)`` each: h, and an LSTM's c"""
Whole = tuple[Tensor, State]
KERNELS: dict[type, Callable[..., tuple[Tensor, ...]]] = {
    LSTMGates: torch.lstm,
    GRUGates: torch.gru,
    TanhGates: torch.rnn_tanh,
    ReluGates: torch.rnn_relu,
}
"""The gates, and torch's name for their recurrence"""
LIGHT = 2**23
"""Multiply-adds a gate and step, B H^2, above which torch's products may do better, on several cores for one"""
LONG = {GRUGates: (4, 6), TanhGates: (8, 64), ReluGates: (8, 64)}
"""Steps from which on the compiled loop is faster, where gradients are asked for and where not; an LSTM's never is"""
CUT = 2**18
"""Outputs, B T H, up to which the compiled loop is faster than torch's LSTM that resets cut, without gradients"""


def plain_recurrence(
    gates: Any,
    x: Tensor,
    weights: Sequence[Tensor],
    state: State,
    *,
    training: bool = False,
    segments: Segments | None = None,
) -> Whole:
    """All outputs, and the state after them.

    Args:
        gates: ``LSTMGates``, ``GRUGates``, ``TanhGates`` or ``ReluGates``.
        x: ``(B, T, D)``.
        weights: W ``(R H, D)``, U ``(R H, H)``, b_W and b_U ``(R H,)``, as torch.nn has them.
        state: h_0 ``(B, H)``, and of an LSTM m_0, its c ``(B, H)``.
        training: what torch's kernels are told; cuDNN's keep what the way back needs where it is true.
        segments: that begin anew, from zeros, inside the rows.

    Returns:
        ``(B, T, H)``, and the state as it was given.

    >>> weights = torch.zeros(12, 3), torch.zeros(12, 4), torch.zeros(12), torch.zeros(12)
    >>> y, _ = plain_recurrence(GRUGates(), torch.zeros(2, 5, 3), weights, (torch.ones(2, 4),))
    >>> y[0, :, 0]
    tensor([0.5000, 0.2500, 0.1250, 0.0625, 0.0312])
    """
    return FORMS(gates, x, weights, state, training, segments)


def reference(
    gates: Any, x: Tensor, weights: Sequence[Tensor], state: State, training: bool, segments: Segments | None
) -> Whole:  # fmt: skip
    """The equation, step by step: what every other form must equal."""
    with DENSE.use("reference"):
        return dense(gates, x, weights, state, training, segments)


def dense(
    gates: Any, x: Tensor, weights: Sequence[Tensor], state: State, training: bool, segments: Segments | None
) -> Whole:  # fmt: skip
    """As ``dense_recurrence``, whose rule says in which of its forms."""
    (h, *m), (weight_in, weight, bias_in, bias) = state, weights
    driven = linear(x.transpose(0, 1), weight_in, bias_in).unflatten(2, (-1, h.shape[1]))
    memory = torch.stack(m, dim=1) if m else h.new_empty(len(h), 0, h.shape[1])
    y, memory = dense_recurrence(gates, driven, weight, bias, h, memory, segments=segments)
    return y.transpose(0, 1), (y[-1].clone(), *memory.unbind(1))


def by_torch(
    gates: Any, x: Tensor, weights: Sequence[Tensor], state: State, training: bool, segments: Segments | None
) -> Whole:  # fmt: skip
    """As torch's kernel. cuDNN differentiates only what ran as training, also in eval mode."""
    kernel, keeps = KERNELS[type(gates)], training or (x.is_cuda and torch.is_grad_enabled())

    def run(x: Tensor, state: State) -> Whole:
        start = [leaf[None].contiguous() for leaf in state]
        y, *after = kernel(x, start if len(start) > 1 else start[0], weights, True, 1, 0.0, keeps, False, True)
        return y, tuple([leaf[0] for leaf in after])

    return run(x, state) if segments is None else segment_by_segment(run, x, tuple(state), segments)


def rule(
    gates: Any, x: Tensor, weights: Sequence[Tensor], state: State, training: bool, segments: Segments | None
) -> str:  # fmt: skip
    """Which form runs: torch's kernel, but on a CPU the compiled loop where that was measured faster.

    It is for a GRU of some steps, for an RNN that is trained or long, and where there are resets, at which torch's
    kernel would have to be cut. Whoever asks for a form of ``dense_recurrence`` has it here too. Torch's kernels have
    no tangents and are not mapped over.
    """
    if DENSE.in_use is not None:
        return "dense"
    if beyond_reverse_mode():
        return "reference"
    if not _pays(type(gates), x.shape[1], state[0].numel(), segments) or torch.is_autocast_enabled("cpu"):
        return "torch"
    if state[0].numel() * state[0].shape[1] > LIGHT:
        return "torch"
    return "dense" if compiled_loops_serve(x, *state, *weights) else "torch"


def _pays(kind: type, time: int, numbers: int, segments: Segments | None) -> bool:
    """Whether a compiled loop is faster than torch's kernel, for a state h of so many numbers."""
    training = torch.is_grad_enabled()
    if segments is not None:
        return training or kind is not LSTMGates or numbers * time <= CUT
    if kind not in LONG:
        return False
    trained, run = LONG[kind]
    return time >= (trained if training else run)


FORMS = Forms("plain_recurrence", {"reference": reference, "dense": dense, "torch": by_torch}, rule)
