"""Every operation with kernels, launched as on a GPU up to the point where one is needed; prints what was compiled.

A script for ``test_compiler``: Triton's interpreter must not have been asked for in the same process.
"""

import collections
import json
from typing import Any

import torch
from torch import Tensor
from triton.backends.compiler import GPUTarget
from triton.runtime import driver
from triton.runtime.jit import JITFunction

from statewise.contract.segments import Segments
from statewise.ops import (
    causal_convolution,
    chained_recurrence,
    delta_rule,
    dense_recurrence,
    diagonal_convolution,
    elementwise_recurrence,
    linear_recurrence,
    selective_scan,
    state_space_convolution,
)
from statewise.ops.cells.min_gru import MinGRUCell
from statewise.ops.cells.sru import SRUCell
from statewise.ops.chains.cfc import CfCGates
from statewise.ops.chains.projected_lstm import ProjectedLSTMGates
from statewise.ops.gates.lstm import LSTMGates
from statewise.ops.gates.s_lstm import SLSTMGates
from statewise.ops.gpu import chained_kernels, chip, dense_kernels, depthwise, diagonal, scan, selective

SIZES = ((1, 1), (3, 2), (16, 16), (32, 5))
"""B, T"""
FOR_MANY_SIZES = (
    chained_kernels.chain_kernel, chained_kernels.chain_back_kernel,
    dense_kernels.forward_kernel, dense_kernels.backward_kernel, scan.scan_kernel, scan.scan_back_kernel,
    selective.selective_kernel, selective.selective_back_kernel,
    diagonal.models_kernel, diagonal.models_back_kernel, depthwise.depthwise_kernel,
    depthwise.depthwise_back_kernel,
)  # fmt: skip
"""Kernels that are compiled once for all of them"""


class Driver:
    """Of a GPU that is not there."""

    def get_current_device(self) -> int:
        return 0

    def get_current_stream(self, device: int) -> int:
        return 0

    def get_current_target(self) -> GPUTarget:
        return GPUTarget("cuda", 90, 32)


compiled: collections.Counter[str] = collections.Counter()
launch = JITFunction.run


def run(kernel: Any, *arguments: Any, grid: Any, warmup: bool, **options: Any) -> Any:
    """Everything of a launch but the launch."""
    compiled[kernel.fn.__name__.strip("_")] += 1
    return launch(kernel, *arguments, grid=grid, warmup=True, **options)


def draw(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.rand(shape, dtype=dtype, requires_grad=True)


def backwards(outputs: tuple[Tensor, ...]) -> None:
    sum(y.sum() for y in outputs).abs().backward()


def state_space_models(rank: int, rows: int, time: int, segments: Segments | None = None) -> None:
    model = [draw(6, 4, dtype=torch.complex64) for _ in range(3 + 2 * rank)]
    forms = (diagonal_convolution.FORMS, state_space_convolution.FORMS)[rank]
    with forms.use("triton"):
        backwards(forms(draw(rows, time, 6), *model, draw(rows, 6, 4, dtype=torch.complex64), segments))


def convolution(rows: int, time: int, segments: Segments | None = None) -> None:
    x, tail, weight, bias = draw(rows, time, 6), draw(rows, 3, 6), draw(6, 1, 4), draw(6)
    with causal_convolution.FORMS.use("triton"):
        backwards(causal_convolution.causal_convolution(x, tail, weight, bias, segments, groups=6))


def many_sizes() -> None:
    """Numbers of rows and steps that a launcher might tell apart: 1, multiples of 16, and others."""
    for form, width in (("triton", 20), ("graph", 300)):
        for rows, time in SIZES if form == "triton" else ((2, 3),):
            parts = draw(time, rows, 4, width), draw(4 * width, width), None, draw(rows, width), draw(rows, 1, width)
            with dense_recurrence.FORMS.use(form):
                backwards(dense_recurrence.dense_recurrence(LSTMGates(), *parts))
    for rows, time in SIZES:
        parts = draw(time, rows, 64), (draw(64, 20), draw(20, 16)), draw(rows, 20), draw(rows, 16)
        with chained_recurrence.FORMS.use("triton"):
            backwards(chained_recurrence.chained_recurrence(ProjectedLSTMGates(), *parts))
        with linear_recurrence.FORMS.use("triton"):
            a, b, initial = (draw(*shape, 16) for shape in ((rows, time), (rows, time), (rows,)))
            backwards((linear_recurrence.linear_recurrence(a, b, initial),))
        with selective_scan.FORMS.use("triton"):
            given = [draw(*shape) for shape in ((rows, time, 6), (rows, time, 6), (6, 4), (rows, time, 4))]
            backwards(selective_scan.selective_scan(*given, given[3], draw(rows, 6, 4)))
        state_space_models(0, rows, time)
        convolution(rows, time)


def many_kinds() -> None:
    """Resets, complex numbers, and gates and cells of other kinds."""
    cut = Segments(torch.tensor([[False] * 3 + [True, False]] * 2))
    parts = draw(5, 2, 9), (draw(8, 8), draw(32, 8)), draw(2, 8)
    with chained_recurrence.FORMS.use("triton"):
        gates = CfCGates(draw(0, 8), draw(32), draw(1))
        backwards(chained_recurrence.chained_recurrence(gates, *parts, segments=cut))
    for form in ("triton", "graph"):
        with dense_recurrence.FORMS.use(form):
            parts = draw(5, 2, 4, 8), draw(32, 8), None, draw(2, 8), draw(2, 3, 8)
            backwards(dense_recurrence.dense_recurrence(SLSTMGates(), *parts, segments=cut))
    with linear_recurrence.FORMS.use("triton"):
        a, b, initial = (draw(*shape, dtype=torch.complex64) for shape in ((6,), (2, 5, 6), (2, 6)))
        backwards((linear_recurrence.linear_recurrence(a, b, initial, cut),))
    state_space_models(1, 2, 5, cut)
    convolution(2, 5, cut)
    for cell, vectors, more in (
        (MinGRUCell(), 2, {}),
        (SRUCell(), 3, {"weight": draw(2, 6), "skip": draw(2, 5, 6)}),
    ):
        with elementwise_recurrence.FORMS.use("triton"):
            backwards(elementwise_recurrence.elementwise_recurrence(cell, draw(2, 5, vectors, 6), draw(2, 6), **more))
    given = [draw(2, 40, 2, size) for size in (4, 4, 4, 1, 1)]
    with delta_rule.FORMS.use("triton"):
        backwards(delta_rule.delta_rule(*given, draw(2, 2, 4, 4)))


def main() -> None:
    driver.set_active(Driver())
    JITFunction.run = run
    chip.room = lambda device: 227 * 1024
    diagonal.STEPS = 2
    many_sizes()
    variants = {
        kernel.fn.__name__: [len(cache[0]) for cache in kernel.device_caches.values()] for kernel in FOR_MANY_SIZES
    }
    many_kinds()
    print(json.dumps({"launched": sorted(compiled), "variants": variants}))


if __name__ == "__main__":
    main()
