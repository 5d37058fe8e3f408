"""The linear recurrence h_t = a_t h_{t-1} + b_t, elementwise, real or complex.

Reference: Martin & Cundy 2018, "Parallelizing linear recurrent neural nets over sequence length", eq. 1.

There are three fast forms. ``compiled`` is one loop over memory, there and back, on CPUs with numba; ``triton`` is one
kernel each way, on GPUs; so far it was run by Triton's interpreter alone, on no GPU. ``in_place`` is made
of torch's own operations, for every device and transform: it copies b into one buffer that lies time first, and each
step is a multiply-add in place on its row, in half the time of the plain loop, and a third with gradients. Working in
blocks of time, through cumulative products, takes fewer steps but more passes through memory: it was up to three times
as fast for small states and four times as slow for a training batch, and where a product overflows, it is wrong
although the recurrence is not. Logarithms lose digits besides.

Its derivatives are linear recurrences too: the gradient runs from the end, g_t = dh_t + conj(a_{t+1}) g_{t+1}, the
tangent from the start, h'_t = a_t h'_{t-1} + (a'_t h_{t-1} + b'_t). So there are derivatives of every order.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, Protocol

import torch
from torch import Tensor

from statewise.contract.segments import Segments, segment_by_segment
from statewise.ops.compiled.compiler import compiled_loops_serve
from statewise.ops.forms import Forms
from statewise.ops.gpu.serving import kernels_serve


def linear_recurrence(a: Tensor, b: Tensor, initial: Tensor, segments: Segments | None = None) -> Tensor:
    """All states h_1 ... h_T of h_t = a_t h_{t-1} + b_t.

    Args:
        a: broadcastable to ``b``'s shape: ``(H,)`` or ``(1, 1, H)`` is constant in time.
        b: ``(B, T, ...)``, real or complex; T may be 0.
        initial: h_0 ``(B, ...)``.
        segments: that begin anew, from zeros, inside the rows.

    Returns:
        ``(B, T, ...)`` in the widest of the three dtypes.

    Raises:
        ValueError: if ``a`` or the segments do not fit to ``b``.

    >>> linear_recurrence(torch.tensor(0.5), torch.ones(1, 3), torch.zeros(1))
    tensor([[1.0000, 1.5000, 1.7500]])
    """
    if not a.dtype == b.dtype == initial.dtype:
        dtype = torch.promote_types(torch.promote_types(a.dtype, b.dtype), initial.dtype)
        a, b, initial = a.to(dtype), b.to(dtype), initial.to(dtype)
    shape = (b.shape[0], *b.shape[2:])
    if a.shape != b.shape and not _broadcasts(a.shape, b.shape):
        raise ValueError(f"linear_recurrence: a {tuple(a.shape)} does not broadcast to b {tuple(b.shape)}")
    if segments is not None and (segments.batch, segments.time) != b.shape[:2]:
        raise ValueError(
            f"linear_recurrence: segments are of {segments.batch} rows and {segments.time} steps, b is {tuple(b.shape)}"
        )
    return FORMS(a, b, initial if initial.shape == shape else initial.expand(shape), segments)


def _broadcasts(shape: torch.Size, to: torch.Size) -> bool:
    """Whether what has this shape can be expanded to that one."""
    return len(shape) <= len(to) and all(
        size in (1, wide) for size, wide in zip(reversed(shape), reversed(to), strict=False)
    )


def reference(a: Tensor, b: Tensor, initial: Tensor, segments: Segments | None = None) -> Tensor:
    """The equation, step by step: what every other form must equal."""
    if segments is not None:
        return _by_segment(reference, a, b, initial, segments)
    h, states = initial, [b[:, :0]]
    for a_t, b_t in zip(a.expand_as(b).unbind(1), b.unbind(1), strict=True):
        h = a_t * h + b_t
        states.append(h.unsqueeze(1))
    return torch.cat(states, dim=1)


def in_place(a: Tensor, b: Tensor, initial: Tensor, segments: Segments | None = None) -> Tensor:
    """In one buffer, with torch's own operations; all arguments in one dtype."""
    if segments is not None:
        return _by_segment(in_place, a, b, initial, segments)
    return all_states(a.expand_as(b), b, initial)[:, 1:]


def compiled(a: Tensor, b: Tensor, initial: Tensor, segments: Segments | None = None) -> Tensor:
    """As one compiled loop, with numba and on a CPU; all arguments in one dtype."""
    return _by_kernels(_loops(), a, b, initial, segments)


@cache
def _loops() -> "Maker":
    """What is imported when it first runs; to ask for it again costs half a microsecond."""
    from statewise.ops.compiled.scan import Loops

    return Loops


def triton(a: Tensor, b: Tensor, initial: Tensor, segments: Segments | None = None) -> Tensor:
    """As one kernel, with Triton and on a GPU; all arguments in one dtype."""
    from statewise.ops.gpu.scan import Scan

    return _by_kernels(lambda a, b, segments: Scan(segments), a, b, initial, segments)


def _by_segment(form: Callable[..., Tensor], a: Tensor, b: Tensor, initial: Tensor, segments: Segments) -> Tensor:
    """``form`` of segments as rows."""

    def run(x: tuple[Tensor, Tensor], h: Tensor) -> tuple[Tensor, Tensor]:
        states = form(*x, h)
        return states, states[:, -1]

    return segment_by_segment(run, (a.expand_as(b), b), initial, segments)[0]


def all_states(a: Tensor, b: Tensor, initial: Tensor, *, from_end: bool = False) -> Tensor:
    """The same with the initial state in front, ``(B, T + 1, ...)``.

    From the end, the initial state stands last and each state follows from the one after it: h_t = a_t h_{t+1} + b_t.
    """
    states: Tensor = _Recurrence.apply(a.transpose(0, 1), b.transpose(0, 1), initial, from_end)
    return states.transpose(0, 1)


def rule(a: Tensor, b: Tensor, initial: Tensor, segments: Segments | None = None) -> str:
    """Which form runs: the kernel made for the device wherever it can."""
    if compiled_loops_serve(a, b, initial):
        return "compiled"
    return "triton" if kernels_serve(a, b, initial) else "in_place"


FORMS = Forms(
    "linear_recurrence",
    {"reference": reference, "in_place": in_place, "compiled": compiled, "triton": triton},
    rule,
)


class _Recurrence(torch.autograd.Function):
    """``all_states`` time first: ``(T + 1, B, ...)`` from ``a`` and ``b (T, B, ...)``."""

    @staticmethod
    def forward(a: Tensor, b: Tensor, initial: Tensor, from_end: bool) -> Tensor:
        start = initial.unsqueeze(0)
        states = torch.cat([b, start] if from_end else [start, b])
        rows, coefficients = states.unbind(0), a.unbind(0)
        if from_end:
            rows, coefficients = rows[::-1], coefficients[::-1]
        for before, row, coefficient in zip(rows, rows[1:], coefficients, strict=False):
            row.addcmul_(coefficient, before)
        return states

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor, bool], output: Tensor) -> None:
        ctx.save_for_backward(inputs[0], output)
        ctx.save_for_forward(inputs[0], output)
        ctx.from_end = inputs[3]

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor, Tensor, None]:
        a, states = ctx.saved_tensors
        others, last = (grad[1:], grad[0]) if ctx.from_end else (grad[:-1], grad[-1])
        g = _Recurrence.apply(a.conj(), others, last, not ctx.from_end)
        grad_b, grad_initial = (g[:-1], g[-1]) if ctx.from_end else (g[1:], g[0])
        grad_a = grad_b * _before(states, ctx.from_end).conj() if ctx.needs_input_grad[0] else None
        return grad_a, grad_b, grad_initial, None

    @staticmethod
    def jvp(ctx: Any, a_dot: Tensor | None, b_dot: Tensor | None, initial_dot: Tensor | None, _: None) -> Tensor:
        a, states = ctx.saved_tensors
        before = _before(states, ctx.from_end)
        added = torch.zeros_like(before) if b_dot is None else b_dot
        if a_dot is not None:
            added = added + a_dot * before
        start = torch.zeros_like(states[0]) if initial_dot is None else initial_dot
        return _Recurrence.apply(a, added, start, ctx.from_end)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], a: Tensor, b: Tensor, initial: Tensor, from_end: bool) -> Any:
        """What is mapped over joins the rows."""

        def joined(x: Tensor, dim: int | None, rows: int) -> Tensor:
            x = x.unsqueeze(rows) if dim is None else x.movedim(dim, rows)
            return x.expand(*x.shape[:rows], info.batch_size, *x.shape[rows + 1 :]).flatten(rows, rows + 1)

        states = _Recurrence.apply(
            joined(a, in_dims[0], 1), joined(b, in_dims[1], 1), joined(initial, in_dims[2], 0), from_end
        )
        return states.unflatten(1, (info.batch_size, -1)), 1


def _before(states: Tensor, from_end: bool) -> Tensor:
    """The state that each step started from."""
    return states[1:] if from_end else states[:-1]


class Kernels(Protocol):
    """What computes states and their gradients outside torch, on one kind of device."""

    def states(self, a: Tensor, b: Tensor, initial: Tensor) -> Tensor: ...

    def gradients(self, a: Tensor, initial: Tensor, h: Tensor, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]: ...


Maker = Callable[[Tensor, Tensor, Segments | None], Kernels]
"""Kernels for an a and a b of these shapes, and segments"""


def _by_kernels(maker: Maker, a: Tensor, b: Tensor, initial: Tensor, segments: Segments | None) -> Tensor:
    if not torch.is_grad_enabled() or not (a.requires_grad or b.requires_grad or initial.requires_grad):
        return _states(maker, a, b, initial, segments)[1]
    states: Tensor = _KernelRecurrence.apply(maker, segments, a, b, initial)
    return states


def _states(maker: Maker, a: Tensor, b: Tensor, initial: Tensor, segments: Segments | None) -> tuple[Kernels, Tensor]:
    """What computes them, and all states."""
    if _one_axis(a, b):
        kernels = maker(a, b, segments)
        return kernels, kernels.states(a, b, initial)
    size = b.shape[2:].numel()
    coefficients, flat = _coefficients(a, b), b.reshape(*b.shape[:2], size)
    kernels = maker(coefficients, flat, segments)
    return kernels, kernels.states(coefficients, flat, initial.reshape(-1, size)).view(b.shape)


class _KernelRecurrence(torch.autograd.Function):
    """All states by kernels, which know one axis of numbers; axes are laid together in here, where no graph is made."""

    @staticmethod
    def forward(ctx: Any, maker: Maker, segments: Segments | None, a: Tensor, b: Tensor, initial: Tensor) -> Tensor:
        ctx.kernels, states = _states(maker, a, b, initial, segments)
        ctx.segments = segments
        ctx.save_for_backward(a, initial, states)
        return states

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[None, None, Tensor, Tensor, Tensor]:
        a, initial, states = ctx.saved_tensors
        if torch.is_grad_enabled():
            return None, None, *_differentiable_gradients(a, initial, states, grad, ctx.segments)
        if _one_axis(a, states):
            return None, None, *ctx.kernels.gradients(a, initial, states, grad)
        shape = states.shape
        h, grad = (x.reshape(*shape[:2], shape[2:].numel()) for x in (states, grad))
        coefficients, initial_state = _coefficients(a, states), initial.reshape(-1, h.shape[2])
        grad_a, grad_b, grad_initial = ctx.kernels.gradients(coefficients, initial_state, h, grad)
        grad_a = grad_a.view(*grad_a.shape[:2], *shape[2:]).sum_to_size(a.shape)
        return None, None, grad_a, grad_b.view(shape), grad_initial.view(initial.shape)


def _one_axis(a: Tensor, b: Tensor) -> bool:
    """Whether they are as kernels take them, ``(B or 1, T or 1, D)`` and ``(B, T, D)``."""
    return a.dim() == b.dim() == 3 and a.shape[2] == b.shape[2]


def _coefficients(a: Tensor, states: Tensor) -> Tensor:
    """``(B or 1, T or 1, D)``, once where they are the same for all rows or steps."""
    axes = states.shape[2:]
    a = a.reshape((1,) * (states.dim() - a.dim()) + a.shape)
    return a.expand(*a.shape[:2], *axes).reshape(*a.shape[:2], axes.numel())


def _differentiable_gradients(
    a: Tensor, initial: Tensor, states: Tensor, grad: Tensor, segments: Segments | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Of ``a``, ``b`` and ``initial``, in operations that have derivatives."""
    if not states.shape[1]:
        return torch.zeros_like(a), grad, torch.zeros_like(initial)
    zero, full = torch.zeros_like(grad[:, :1]), a.conj().expand_as(states)
    before, going_on = torch.cat([initial.unsqueeze(1), states[:, :-1]], dim=1), full[:, 1:]
    if segments is not None:
        anew = segments.anew.view(*segments.anew.shape, *[1] * (states.dim() - 2))
        before, going_on = before.masked_fill(anew, 0), going_on.masked_fill(anew[:, 1:], 0)
    g = all_states(torch.cat([going_on, zero], dim=1), grad, zero[:, 0], from_end=True)[:, :-1]
    return (g * before.conj()).sum_to_size(a.shape), g, full[:, 0] * g[:, 0]
