"""A dense recurrence on a GPU, its recurrent matrix on the chip: a launch each way, see ``dense_kernels``.

A program takes a few rows and goes through time alone with them; nothing is exchanged between programs.
"""

from typing import Any

import torch
import triton
from torch import Tensor

from statewise.ops.gpu import chip
from statewise.ops.gpu.blocks import precision_of, sums_of
from statewise.ops.gpu.dense_kernels import backward_kernel, forward_kernel
from statewise.ops.gpu.gates import GATES


def forward(
    kind: Any, x: Tensor, weight: Tensor, bias: Tensor, own: Tensor, h: Tensor, m: Tensor, keep: Tensor, mask: Tensor,
    anew: Tensor, going_back: bool,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """All h ``(T, B, H)``, and the memory from m_0 on ``(T + 1, B, M, H)``, the last alone where nothing goes back."""
    time, rows, vectors, width = x.shape
    sizes = kind.sizes()
    y = torch.empty(time, rows, width, dtype=h.dtype, device=h.device)
    memory = torch.empty(time + 1 if going_back else 1, *m.shape, dtype=m.dtype, device=m.device)
    memory[0] = m
    if rows:
        with torch.cuda.device_of(x):
            forward_kernel[(triton.cdiv(rows, chip.ROWS),)](
                x, weight, bias, own, keep, mask, anew, h, torch.empty_like(h, dtype=weight.dtype), y, memory,
                time, rows, width, int(going_back), _step(keep, 0), _step(keep, 1), _step(mask, 0),
                vectors, sizes.products, sizes.memory, len(own), ADVANCE=GATES[kind][0],
                **options(kind, vectors, weight, keep, mask, anew, chip.room(x.device), going_back=False),
            )  # fmt: skip
    return y, memory


def backward(
    kind: Any, x: Tensor, u: Tensor, weight: Tensor, own: Tensor, keep: Tensor, mask: Tensor, anew: Tensor,
    before: Tensor, memory: Tensor, dy: Tensor, dm_last: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    """The cotangents of x, u, h_0, m_0 and the gates' own weights, from those of all h and of the last memory."""
    time, rows, vectors, width = x.shape
    sizes = kind.sizes()
    sums = sizes.sums and x.dtype == u.dtype
    dx, du = torch.empty_like(x), torch.empty_like(u)
    dh, dm = torch.empty_like(before[0]), dm_last.clone(memory_format=torch.contiguous_format)
    d_own = own.new_zeros(triton.cdiv(rows, chip.ROWS), *own.shape)
    if rows:
        with torch.cuda.device_of(x):
            backward_kernel[(len(d_own),)](
                x, u, weight, own, keep, mask, anew, before, memory, dy, dx, du, dh, dm, d_own,
                time, rows, width, _step(keep, 0), _step(keep, 1), _step(mask, 0),
                vectors, sizes.products, sizes.memory, len(own), SUMS=sums, RETREAT=GATES[kind][1],
                **options(kind, vectors, weight, keep, mask, anew, chip.room(x.device), going_back=True),
            )  # fmt: skip
    return du if sums else dx, du, dh, dm, d_own.sum(0)


def _step(x: Tensor, axis: int) -> int:
    """How far the next step or row of ``x`` is from one; nowhere where all share one."""
    return x.stride(axis) if x.shape[axis] > 1 else 0


def options(
    kind: Any, vectors: int, weight: Tensor, keep: Tensor, mask: Tensor, anew: Tensor, room: int, *, going_back: bool
) -> dict[str, Any]:
    """What a kernel is compiled for. ``room`` are the bytes that the threads of a program share.

    U stays on the chip where it has room there, beside what is read at a step, a step ahead, and what is written.
    """
    sizes, width = kind.sizes(), chip.block_of(weight.shape[1])
    read = vectors + (1 + sizes.memory) * bool(len(keep)) + going_back * (sizes.products + sizes.memory + 2)
    numbers = (sizes.products * width * chip.copies(weight) + (read + 1) * chip.ROWS) * width
    return {
        "KEEP": bool(len(keep)),
        "MASK": bool(len(mask)),
        "ANEW": bool(len(anew)),
        "BEGIN": sizes.begins,
        "RESIDENT": numbers * weight.element_size() <= room,
        "PRECISION": precision_of(weight.dtype),
        "KIND": sums_of(weight.dtype),
        "ROWS": chip.ROWS,
        "WIDTH": width,
        "TILE": 16 if weight.element_size() > 2 else 32,
        "num_warps": chip.WARPS[width],
        "num_stages": 2,
    }
