"""A recurrence of several products a step on a GPU, whatever its chain: the equation, captured as a graph of steps.

Many steps of torch's operations are captured once each way and then replayed, so that they cost one launch; what is
left at the end runs step by step. On the way back a graph goes through its steps once more and has torch find the
gradients: kept are h of all steps and the memory before each graph. Where there is no GPU, nothing is captured, and
the same steps run one by one.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

from statewise.autocast import unrounded
from statewise.ops.gpu import capture
from statewise.ops.gpu.dense_function import by_autocast
from statewise.ops.transforms import refuse_further_derivatives

Equation = Callable[..., tuple[Tensor, Tensor]]
Spec = tuple[torch.Size, torch.dtype]


class Form(NamedTuple):
    """What a graph is captured for."""

    equation: Equation
    kind: Any
    matrices: int
    resets: bool
    step: Spec
    """Of x, without time"""
    rest: tuple[Spec, ...]
    """Of h, m, the matrices and the gates' own weights"""
    rounded: torch.dtype | None
    """What products are rounded to, under autocast"""
    device: torch.device
    stream: int


def form_of(equation: Equation, kind: Any, matrices: int, x: Tensor, anew: Tensor, rest: Sequence[Tensor]) -> Form:
    """Of these arguments; the number of steps is no part of it."""
    device = x.device
    rounded = torch.get_autocast_dtype(device.type) if torch.is_autocast_enabled(device.type) else None
    return Form(
        equation, kind, matrices, bool(len(anew)), (x.shape[1:], x.dtype), tuple((t.shape, t.dtype) for t in rest),
        rounded, device, capture.stream_of(x),
    )  # fmt: skip


class _Steps(capture.StepGraph):
    """Memory that the steps of both ways need."""

    def __init__(self, form: Form) -> None:
        super().__init__(form.device)
        self.form, (shape, dtype), (state, state_dtype) = form, form.step, form.rest[0]
        self.x = self.room(capture.STEPS, *shape, dtype=dtype)
        self.anew = self.room(capture.STEPS if form.resets else 0, shape[0], dtype=torch.bool)
        self.rest = [self.room(*shape, dtype=dtype) for shape, dtype in form.rest]
        self.y = self.room(capture.STEPS, *state, dtype=state_dtype)

    def run_on(self, x: Tensor, anew: Tensor) -> None:
        """As many steps as x has."""
        self.x[: len(x)].copy_(x)
        self.anew[: len(anew)].copy_(anew)
        self.run(len(x))

    def equation(self, x: Tensor, rest: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """All h and the last memory, of as many steps as x has."""
        h, m, *weights = rest
        own, rounded, device = weights[self.form.matrices :], self.form.rounded, self.form.device.type
        with torch.autocast(device, rounded or torch.bfloat16, enabled=rounded is not None, cache_enabled=False):
            matrices = [by_autocast(weight) for weight in weights[: self.form.matrices]]
            return self.form.equation(self.form.kind(*own), x, matrices, h, m, self.anew[: len(x)])


class _Forward(_Steps):
    def __init__(self, form: Form) -> None:
        super().__init__(form)
        self.capture()

    def steps(self, count: int) -> None:
        """From h and m on; the last ones come to stand there."""
        with torch.no_grad():
            y, m = self.equation(self.x[:count], self.rest)
            _fill((self.y[:count], *self.rest[:2]), (y, y[-1], m))


class _Backward(_Steps):
    def __init__(self, form: Form) -> None:
        super().__init__(form)
        self.dx = torch.zeros_like(self.x)
        self.d_rest = [self.room(*shape, dtype=torch.promote_types(dtype, torch.float32)) for shape, dtype in form.rest]
        """Sums over steps, so at least in single precision"""
        self.capture()

    def steps(self, count: int) -> None:
        """From the cotangents of all h, at ``y``, and those of what comes after, which start ``d_rest``."""
        with torch.enable_grad():
            leaves = [part.detach().requires_grad_() for part in (self.x[:count], *self.rest)]
            outputs = self.equation(leaves[0], leaves[1:])
            dy = self.y[:count].clone()
            dy[-1] += self.d_rest[0]
            cotangents = dy, self.d_rest[1].to(outputs[1].dtype)
            dx, dh, dm, *rest = torch.autograd.grad(outputs, leaves, cotangents, materialize_grads=True)
        _fill((self.dx[:count], *self.d_rest[:2]), (dx, dh, dm))
        for total, part in zip(self.d_rest[2:], rest, strict=True):
            total += part

    def gradients(self) -> list[Tensor]:
        """Of h, m, the matrices and the gates' own weights, when all steps were gone back through."""
        return [total.to(part.dtype, copy=True) for total, part in zip(self.d_rest, self.rest, strict=True)]


forward_steps = lru_cache(maxsize=capture.GRAPHS)(_Forward)
backward_steps = lru_cache(maxsize=capture.GRAPHS)(_Backward)


def by_steps(
    equation: Equation, gates: Any, x: Tensor, weights: Sequence[Tensor], h: Tensor, m: Tensor, anew: Tensor
) -> tuple[Tensor, Tensor]:
    """``equation(gates, x, weights, h, m, anew)``, which is of steps alone, many at a time."""
    form = form_of(equation, type(gates), len(weights), x, anew, (h, m, *weights, *gates))
    outputs: tuple[Tensor, Tensor] = _Recurrence.apply(form, x, anew, h, m, *weights, *gates)
    return outputs


class _Recurrence(torch.autograd.Function):
    """From plain tensors: the matrices, then the gates' own weights."""

    @staticmethod
    def forward(
        ctx: Any, form: Form, x: Tensor, anew: Tensor, h: Tensor, m: Tensor, *weights: Tensor
    ) -> tuple[Tensor, Tensor]:
        steps, starts = forward_steps(form), range(0, len(x), capture.STEPS)
        y, memory = h.new_empty(len(x), *h.shape), m.new_empty(len(starts), *m.shape)
        with steps.lock:
            _fill(steps.rest, (h, m, *weights))
            for place, start in enumerate(starts):
                memory[place] = steps.rest[1]
                these = slice(start, start + capture.STEPS)
                steps.run_on(x[these], anew[these])
                y[these] = steps.y[: len(y[these])]
            last = steps.rest[1].clone()
        ctx.form = form
        ctx.save_for_backward(x, anew, h, y, memory, *weights)
        return y, last

    @staticmethod
    def backward(ctx: Any, dy: Tensor, dm_last: Tensor) -> Any:
        refuse_further_derivatives("chained_recurrence")
        x, anew, h, y, memory, *weights = ctx.saved_tensors
        steps, dx = backward_steps(ctx.form), torch.empty_like(x)
        with steps.lock, unrounded(x):
            _fill(steps.rest[2:], weights)
            for total in steps.d_rest:
                total.zero_()
            steps.d_rest[1].copy_(dm_last)
            for place, start in reversed(list(enumerate(range(0, len(x), capture.STEPS)))):
                these = slice(start, start + capture.STEPS)
                _fill(
                    (*steps.rest[:2], steps.y[: len(x[these])]),
                    (y[start - 1] if start else h, memory[place], dy[these]),
                )
                steps.run_on(x[these], anew[these])
                dx[these] = steps.dx[: len(x[these])]
            return None, dx, None, *steps.gradients()


def _fill(rooms: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    for room, value in zip(rooms, values, strict=True):
        room.copy_(value)
