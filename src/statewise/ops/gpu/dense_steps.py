"""A dense recurrence on a GPU whose recurrent matrix is too large for one program: a captured graph of steps.

A step is a product of torch's, U (mask * h), and a kernel that does all else. Many steps are captured once and then
replayed, so that they cost one launch rather than two each; what is left at the end runs step by step. Where there is
no GPU, nothing is captured, and the same steps run one by one.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import torch
import triton
from torch import Tensor

from statewise.contract.segments import emptied
from statewise.ops.gpu import capture
from statewise.ops.gpu.blocks import sums_of
from statewise.ops.gpu.dense_step_kernels import step_back_kernel, step_kernel
from statewise.ops.gpu.gates import GATES


class Form(NamedTuple):
    """What a graph is captured for."""

    kind: Any
    rows: int
    vectors: int
    width: int
    own: int
    kept: bool
    masked: bool
    resets: bool
    x_dtype: torch.dtype
    weight_dtype: torch.dtype
    state_dtype: torch.dtype
    device: torch.device
    stream: int

    @property
    def sum_dtype(self) -> torch.dtype:
        """In which sums over steps are made."""
        return torch.float64 if self.weight_dtype == torch.float64 else torch.float32

    def options(self) -> dict[str, Any]:
        """What a kernel is compiled for."""
        sizes, width = self.kind.sizes(), triton.next_power_of_2(self.width)
        return {
            "G": self.vectors, "R": sizes.products, "M": sizes.memory, "W": self.own,
            "BEGIN": sizes.begins, "KEEP": self.kept, "MASK": self.masked, "ANEW": self.resets,
            "KIND": sums_of(self.weight_dtype), "WIDTH": width,
            "num_warps": min(16, max(4, width // 128)),
        }  # fmt: skip


def form_of(
    kind: Any, x: Tensor, weight: Tensor, own: Tensor, h_dtype: torch.dtype, keep: Tensor, mask: Tensor, anew: Tensor
) -> Form:
    """Of these arguments; the number of steps is no part of it."""
    rows, vectors, width = x.shape[1:]
    kept, masked, resets = (len(given) > 0 for given in (keep, mask, anew))
    return Form(
        kind, rows, vectors, width, len(own), kept, masked, resets, x.dtype, weight.dtype, h_dtype, x.device,
        capture.stream_of(x),
    )  # fmt: skip


class _Steps(capture.StepGraph):
    """Memory that the steps of both ways need."""

    def __init__(self, form: Form) -> None:
        super().__init__(form.device)
        sizes, rows, width, steps = form.kind.sizes(), form.rows, form.width, capture.STEPS
        self.form, self.options = form, form.options()
        self.x = self.room(steps, rows, form.vectors, width, dtype=form.x_dtype)
        self.u = self.room(steps, rows, sizes.products, width, dtype=form.weight_dtype)
        self.weight = self.room(sizes.products * width, width, dtype=form.weight_dtype)
        self.own = self.sums(form.own, width)
        self.keep = self.sums(steps if form.kept else 0, rows, 1 + sizes.memory, width)
        self.mask = self.sums(rows if form.masked else 0, width)
        self.anew = self.room(steps + 1 if form.resets else 0, rows, dtype=torch.bool)

    def sums(self, *shape: int) -> Tensor:
        """Memory of the dtype in which sums are made."""
        return self.room(*shape, dtype=self.form.sum_dtype)

    def at(self, parts: Tensor, step: int) -> Tensor:
        """What of ``keep`` or ``anew`` is a step's, empty where there is none."""
        return parts[step] if len(parts) else parts


class _Forward(_Steps):
    def __init__(self, form: Form) -> None:
        super().__init__(form)
        sizes, state = form.kind.sizes(), form.state_dtype
        self.bias = self.sums(sizes.products * form.width)
        self.seen = self.room(form.rows, form.width, dtype=form.weight_dtype)
        self.h = self.room(capture.STEPS + 1, form.rows, form.width, dtype=state)
        self.m = self.room(capture.STEPS + 1, form.rows, sizes.memory, form.width, dtype=state)
        self.capture()

    def steps(self, count: int) -> None:
        """From h and m at place 0 on; the last ones come to stand there."""
        flat, weight = self.u[0].view(self.form.rows, -1), self.weight.t()
        for t in range(count):
            torch.mm(self.seen, weight, out=flat)
            step_kernel[(self.form.rows,)](
                self.x[t], self.u, self.bias, self.own, self.at(self.keep, t), self.mask, self.at(self.anew, t),
                self.h[t], self.m[t], self.h[t + 1], self.m[t + 1], self.seen, self.form.width,
                ADVANCE=GATES[self.form.kind][0], **self.options,
            )  # fmt: skip
        self.h[0].copy_(self.h[count])
        self.m[0].copy_(self.m[count])


class _Backward(_Steps):
    def __init__(self, form: Form) -> None:
        super().__init__(form)
        sizes, state, steps = form.kind.sizes(), form.state_dtype, capture.STEPS
        self.h = self.room(steps, form.rows, form.width, dtype=state)
        self.m = self.room(steps, form.rows, sizes.memory, form.width, dtype=state)
        self.dy = self.room(steps, form.rows, form.width, dtype=state)
        self.dx = self.room(steps, form.rows, form.vectors, form.width, dtype=form.x_dtype)
        self.du = self.room(steps, form.rows, sizes.products, form.width, dtype=form.weight_dtype)
        self.through = self.room(form.rows, form.width, dtype=form.weight_dtype)
        self.dh, self.dm = self.sums(form.rows, form.width), self.sums(form.rows, sizes.memory, form.width)
        self.d_own = self.sums(form.rows, form.own, form.width)
        self.capture()

    def steps(self, count: int) -> None:
        """From the last of them back."""
        for t in reversed(range(count)):
            step_back_kernel[(self.form.rows,)](
                self.x[t], self.u[t], self.own, self.at(self.keep, t), self.mask, self.at(self.anew, t),
                self.at(self.anew, t + 1), self.h[t], self.m[t], self.dy[t], self.through, self.dh, self.dm,
                self.dx[t], self.du[t], self.d_own, self.form.width,
                RETREAT=GATES[self.form.kind][1], **self.options,
            )  # fmt: skip
            torch.mm(self.du[t].view(self.form.rows, -1), self.weight, out=self.through)


forward_steps = lru_cache(maxsize=capture.GRAPHS)(_Forward)
backward_steps = lru_cache(maxsize=capture.GRAPHS)(_Backward)


def forward(
    kind: Any, x: Tensor, weight: Tensor, bias: Tensor, own: Tensor, h: Tensor, m: Tensor, keep: Tensor, mask: Tensor,
    anew: Tensor, going_back: bool,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """As ``statewise.ops.gpu.dense.forward``."""
    steps = forward_steps(form_of(kind, x, weight, own, h.dtype, keep, mask, anew))
    time = len(x)
    y = torch.empty(time, *h.shape, dtype=h.dtype, device=h.device)
    memory = torch.empty(time + 1 if going_back else 1, *m.shape, dtype=m.dtype, device=m.device)
    memory[0] = m
    with steps.lock:
        seen = h * mask if len(mask) else h
        _fill(steps, {"weight": weight, "bias": bias, "own": own, "mask": mask, "seen": seen})
        steps.h[0].copy_(h)
        steps.m[0].copy_(m)
        for start in range(0, time, capture.STEPS):
            end = min(start + capture.STEPS, time)
            _take(steps, start, end, {"x": x, "keep": keep})
            _mark(steps, start, end, anew)
            steps.run(end - start)
            y[start:end] = steps.h[1 : end - start + 1]
            if going_back:
                memory[start + 1 : end + 1] = steps.m[1 : end - start + 1]
        if not going_back:
            memory[0] = steps.m[0]
    return y, memory


def backward(
    kind: Any, x: Tensor, u: Tensor, weight: Tensor, own: Tensor, keep: Tensor, mask: Tensor, anew: Tensor,
    before: Tensor, memory: Tensor, dy: Tensor, dm_last: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    """As ``statewise.ops.gpu.dense.backward``."""
    steps = backward_steps(form_of(kind, x, weight, own, before.dtype, keep, mask, anew))
    dx, du = torch.empty_like(x), torch.empty_like(u)
    with steps.lock:
        _fill(steps, {"weight": weight, "own": own, "mask": mask, "dm": dm_last})
        for sums in (steps.dh, steps.through, steps.d_own):
            sums.zero_()
        for start in reversed(range(0, len(x), capture.STEPS)):
            end = min(start + capture.STEPS, len(x))
            _take(steps, start, end, {"x": x, "u": u, "h": before, "m": memory, "dy": dy, "keep": keep})
            _mark(steps, start, end, anew)
            steps.run(end - start)
            dx[start:end], du[start:end] = steps.dx[: end - start], steps.du[: end - start]
        dh = (steps.dh + (steps.through * mask if len(mask) else steps.through)).to(before.dtype)
        dm = steps.dm.to(dm_last.dtype, copy=True)
        if len(anew):
            dh, dm = emptied(dh, anew[0]), emptied(dm, anew[0])
        return dx, du, dh, dm, steps.d_own.sum(0)


def _fill(steps: Any, values: Mapping[str, Tensor]) -> None:
    """What stands for the whole sequence."""
    for name, value in values.items():
        getattr(steps, name).copy_(value)


def _take(steps: Any, start: int, end: int, values: Mapping[str, Tensor]) -> None:
    """What these steps take of values over the whole sequence, of which all steps may share one."""
    for name, value in values.items():
        if len(value):
            getattr(steps, name)[: end - start].copy_(value[start:end] if len(value) > 1 else value)


def _mark(steps: Any, start: int, end: int, anew: Tensor) -> None:
    """Which rows begin anew before each of these steps and before the one after them, if there is one."""
    if len(anew):
        marks = anew[start : end + 1]
        steps.anew[: len(marks)].copy_(marks)
        steps.anew[len(marks) : end - start + 1].zero_()
