"""The selective state-space recurrence of Mamba: diagonal, with a time step, input and output maps made from the input.

    h_t = exp(dt_t A) * h_{t-1} + dt_t u_t B_t,    y_t = h_t C_t

Gu & Dao (2023), "Mamba: Linear-Time Sequence Modeling with Selective State Spaces", arXiv 2312.00752, eq. 2a and
algorithm 2; A is sampled exactly, B by the first order, as in the authors' code.

A scan over T steps needs three tensors ``(B, T, E, S)`` and its derivative more, S times the size of everything else in
the layer. So no fast form ever has them whole. ``in_pieces`` cuts time into pieces whose tensors have about ``PIECE``
numbers, and the backward pass makes each piece's tensors again from its inputs: in memory at a time are one piece, and
the one state before each. ``compiled``, for CPUs with numba, is one loop each way that does the same with few steps,
and ``triton`` one kernel each way, for GPUs; so far that was run by Triton's interpreter alone, on no GPU.
"""

from collections.abc import Callable
from typing import Any, NoReturn

import torch
import torch.nn.functional as F
from torch import Tensor

from statewise.contract.segments import Segments, segment_by_segment
from statewise.ops.checkpointed import checkpointed
from statewise.ops.compiled.compiler import compiled_loops_serve
from statewise.ops.forms import Forms
from statewise.ops.gpu.serving import kernels_serve
from statewise.ops.linear_recurrence import all_states
from statewise.ops.shapes import Shapes
from statewise.ops.transforms import first_derivatives_alone

PIECE = 2**20
"""Numbers in the largest tensor of a piece: 4 MiB in float32."""

SHORTEST = 4
"""Steps that a piece has at least, however large the batch: at most 1/4 of all states are kept."""

SHAPES = Shapes(
    "selective_scan", {"u": "B T E", "dt": "B T E", "a": "E S", "b": "B T S", "c": "B T S", "initial": "B E S"}
)


def selective_scan(
    u: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor, initial: Tensor, segments: Segments | None = None
) -> tuple[Tensor, Tensor]:
    """All outputs of the recurrence, going on from a state.

    Args:
        u: ``(B, T, E)``, T >= 1.
        dt: ``(B, T, E)``, positive.
        a: ``(E, S)``, negative.
        b: ``(B, T, S)``.
        c: ``(B, T, S)``.
        initial: ``(B, E, S)``, the state before the first step.
        segments: that begin anew, from zeros, inside the rows.

    Returns:
        ``y (B, T, E)`` and the state after the last step, ``(B, E, S)``, all in the dtype of the arguments. Gradients
        and tangents flow to all six arguments; the fast forms refuse a second derivative.

    >>> ones = torch.ones(1, 3, 1)
    >>> y, h = selective_scan(ones, ones, torch.full((1, 1), 0.5).log(), ones, ones, torch.zeros(1, 1, 1))
    >>> y.flatten(), h.flatten()
    (tensor([1.0000, 1.5000, 1.7500]), tensor([1.7500]))
    """
    SHAPES.check(u, dt, a, b, c, initial, segments=segments)
    return FORMS(u, dt, a, b, c, initial, segments)


def reference(
    u: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor, initial: Tensor, segments: Segments | None = None
) -> tuple[Tensor, Tensor]:
    """The equation, step by step: what every other form must equal. It has derivatives of every order."""
    if segments is not None:
        return _by_segment(reference, u, dt, a, b, c, initial, segments)
    h, outputs = initial, []
    for u_t, dt_t, b_t, c_t in zip(u.unbind(1), dt.unbind(1), b.unbind(1), c.unbind(1), strict=True):
        h = (dt_t.unsqueeze(-1) * a).exp() * h + (dt_t * u_t).unsqueeze(-1) * b_t.unsqueeze(-2)
        outputs.append((h * c_t.unsqueeze(-2)).sum(-1))
    return torch.stack(outputs, dim=1), h


def in_pieces(
    u: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor, initial: Tensor, segments: Segments | None = None
) -> tuple[Tensor, Tensor]:
    """Piece by piece of time."""
    if segments is not None:
        return _by_segment(in_pieces, u, dt, a, b, c, initial, segments)
    y, h, _ = _SelectiveScan.apply(u, dt, a, b, c, initial)
    return y, h


def compiled(
    u: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor, initial: Tensor, segments: Segments | None = None
) -> tuple[Tensor, Tensor]:
    """As one compiled loop each way, with numba and on a CPU; all arguments in one real dtype."""
    from statewise.ops.compiled.selective import Loops

    return checkpointed("selective_scan", Loops(segments), u, dt, a, b, c, initial)


def triton(
    u: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor, initial: Tensor, segments: Segments | None = None
) -> tuple[Tensor, Tensor]:
    """As one kernel each way, with Triton and on a GPU; all arguments in one real dtype."""
    from statewise.ops.gpu.selective import SelectiveScan

    return checkpointed("selective_scan", SelectiveScan(segments), u, dt, a, b, c, initial)


def _by_segment(
    form: Callable[..., tuple[Tensor, Tensor]],
    u: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor, initial: Tensor, segments: Segments,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """``form`` of segments as rows."""

    def run(x: tuple[Tensor, Tensor, Tensor, Tensor], h: Tensor) -> tuple[Tensor, Tensor]:
        u, dt, b, c = x
        return form(u, dt, a, b, c, h)

    return segment_by_segment(run, (u, dt, b, c), initial, segments)


def rule(
    u: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor, initial: Tensor, segments: Segments | None = None
) -> str:
    """Which form runs: the kernel made for the device wherever it can, on all others and for transforms in pieces."""
    tensors = (u, dt, a, b, c, initial)
    if any(t.dtype != u.dtype or t.is_complex() for t in tensors):
        return "in_pieces"
    if compiled_loops_serve(*tensors):
        return "compiled"
    return "triton" if kernels_serve(*tensors) else "in_pieces"


FORMS = Forms(
    "selective_scan",
    {"reference": reference, "in_pieces": in_pieces, "compiled": compiled, "triton": triton},
    rule,
)


class _SelectiveScan(torch.autograd.Function):
    """Forward, and tangents: from the first piece on. A third result are the states before each piece."""

    generate_vmap_rule = True

    @staticmethod
    def forward(
        u: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor, initial: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        h, before, outputs = initial, [], []
        for u_p, dt_p, b_p, c_p in _pieces(_steps(initial), u, dt, b, c):
            before.append(h)
            states = all_states(*_sampled(u_p, dt_p, a, b_p), h)
            outputs.append((states[:, 1:] * c_p.unsqueeze(-2)).sum(-1))
            h = states[:, -1].clone()
        return torch.cat(outputs, dim=1), h, torch.stack(before)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: tuple[Tensor, Tensor, Tensor]) -> None:
        kept = (*inputs[:5], output[2])
        ctx.mark_non_differentiable(output[2])
        ctx.save_for_backward(*kept)
        ctx.save_for_forward(*kept)

    @staticmethod
    def backward(ctx: Any, grad_y: Tensor, grad_h: Tensor, _: Tensor) -> tuple[Tensor, ...]:
        return _SelectiveScanGradient.apply(grad_y, grad_h, *ctx.saved_tensors)

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor | None) -> tuple[Tensor, Tensor, None]:
        *inputs, before = ctx.saved_tensors
        known = (
            torch.zeros_like(x) if dot is None else dot for x, dot in zip((*inputs, before[0]), tangents, strict=True)
        )
        u_dot, dt_dot, a_dot, b_dot, c_dot, h_dot = known
        u, dt, a, b, c = inputs
        outputs = []
        pieces = _pieces(_steps(before[0]), u, dt, b, c, u_dot, dt_dot, b_dot, c_dot)
        for h, (u_p, dt_p, b_p, c_p, u_q, dt_q, b_q, c_q) in zip(before.unbind(0), pieces, strict=True):
            keep, add = _sampled(u_p, dt_p, a, b_p)
            states = all_states(keep, add, h)
            keep_dot = keep * (dt_q.unsqueeze(-1) * a + dt_p.unsqueeze(-1) * a_dot)
            add_dot = _outer(dt_q * u_p + dt_p * u_q, b_p) + _outer(dt_p * u_p, b_q)
            states_dot = all_states(keep, add_dot + keep_dot * states[:, :-1], h_dot)
            outputs.append((states_dot[:, 1:] * c_p.unsqueeze(-2) + states[:, 1:] * c_q.unsqueeze(-2)).sum(-1))
            h_dot = states_dot[:, -1]
        return torch.cat(outputs, dim=1), h_dot.clone(), None


class _SelectiveScanGradient(torch.autograd.Function):
    """The gradients of ``u, dt, a, b, c`` and the initial state: from the last piece back, each made again."""

    generate_vmap_rule = True

    @staticmethod
    def forward(
        grad_y: Tensor, grad_h: Tensor, u: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor, before: Tensor
    ) -> tuple[Tensor, ...]:
        found: list[tuple[Tensor, ...]] = []
        grad_a = torch.zeros_like(a)
        pieces = _pieces(_steps(before[0]), grad_y, u, dt, b, c)
        for h, (grad_y_p, u_p, dt_p, b_p, c_p) in zip(reversed(before.unbind(0)), reversed(pieces), strict=True):
            of_sequences, of_a, grad_h = _piece_gradient(grad_y_p, grad_h, u_p, dt_p, a, b_p, c_p, h)
            found.append(of_sequences)
            grad_a = grad_a + of_a
        grad_u, grad_dt, grad_b, grad_c = (torch.cat(parts[::-1], dim=1) for parts in zip(*found, strict=True))
        return grad_u, grad_dt, grad_a, grad_b, grad_c, grad_h

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: tuple[Tensor, ...]) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> NoReturn:
        raise first_derivatives_alone("selective_scan")

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor | None) -> NoReturn:
        raise first_derivatives_alone("selective_scan")


def _steps(initial: Tensor) -> int:
    """How many steps a piece has."""
    return max(SHORTEST, PIECE // max(1, initial.numel()))


def _pieces(steps: int, *sequences: Tensor) -> list[tuple[Tensor, ...]]:
    """Views of each piece of each sequence."""
    return list(zip(*(x.split(steps, dim=1) for x in sequences), strict=True))


def _outer(x: Tensor, y: Tensor) -> Tensor:
    """``(..., E)`` and ``(..., S)`` -> ``(..., E, S)``."""
    return x.unsqueeze(-1) * y.unsqueeze(-2)


def _later(x: Tensor) -> Tensor:
    """``(B, T, ...)`` one step later: zeros first, the last left out."""
    return F.pad(x[:, :-1], (0, 0, 1, 0))


def _sampled(u: Tensor, dt: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """What is kept of the state and what is added to it, ``(B, T, E, S)``."""
    return (dt.unsqueeze(-1) * a).exp(), _outer(dt * u, b)


def _piece_gradient(
    grad_y: Tensor, grad_h: Tensor, u: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor, initial: Tensor
) -> tuple[tuple[Tensor, Tensor, Tensor, Tensor], Tensor, Tensor]:
    """Gradients of one piece: to ``u, dt, b, c``; to ``a``; to the state before it."""
    keep, add = _sampled(u, dt, a, b)
    states = all_states(keep, add, initial)
    read = _outer(_later(grad_y), _later(c))  # what arrives at each state but the last from its y
    last = _outer(grad_y[:, -1], c[:, -1]) + grad_h
    g = all_states(keep, read, last, from_end=True)
    grad_c = (grad_y.unsqueeze(-1) * states[:, 1:]).sum(-2)
    grad_exponent = g[:, 1:] * states[:, :-1] * keep
    driven = (g[:, 1:] * b.unsqueeze(-2)).sum(-1)
    grad_dt = (grad_exponent * a).sum(-1) + driven * u
    grad_a = (grad_exponent * dt.unsqueeze(-1)).sum((0, 1))
    grad_b = (g[:, 1:] * (dt * u).unsqueeze(-1)).sum(-2)
    return (driven * dt, grad_dt, grad_b, grad_c), grad_a, g[:, 0]
