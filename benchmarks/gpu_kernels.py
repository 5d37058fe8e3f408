"""What Triton's compiler makes of every kernel for a GPU, which need not be there.

    python benchmarks/gpu_kernels.py [--target 90] [--only dense delta] [--gates LSTMGates] [--widths 64 128]

Prints, for each kernel, registers a thread, bytes of a thread that no register had room for, and kilobytes that the
threads of a program share, out of what the target has. A kernel that does not compile ends the run. That is no
measurement: of the time that a kernel takes it says nothing.
"""

import argparse
import re
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from statewise.ops.chains.cfc import CfCGates, CfCSolution
from statewise.ops.chains.minimal_gated_unit import MinimalGatedUnitGates
from statewise.ops.chains.projected_lstm import ProjectedLSTMGates
from statewise.ops.chains.reset_gru import ResetGRUGates
from statewise.ops.gpu import (
    chained,
    delta,
    dense,
    depthwise,
    diagonal,
    gated_scan,
    gated_steps,
    linear_cells,
    scan,
    selective,
)
from statewise.ops.gpu.blocks import sums_of
from statewise.ops.gpu.cells import CELLS
from statewise.ops.gpu.chained_kernels import chain_back_kernel, chain_kernel
from statewise.ops.gpu.chains import CHAINS
from statewise.ops.gpu.dense_kernels import backward_kernel, forward_kernel
from statewise.ops.gpu.dense_step_kernels import step_back_kernel, step_kernel
from statewise.ops.gpu.gates import GATES

ROOM = {80: 163 * 1024, 90: 227 * 1024}
"""Compute capability -> bytes that the threads of a program can share"""
TYPES = {torch.float32: "fp32", torch.bfloat16: "bf16", torch.float64: "fp64"}
VECTORS = {"MinimalRNNGates": 2, "PhasedLSTMGates": 5}
"""Of x, where they are others than of u"""
OWN = {
    "PeepholeLSTMGates": 3,
    "PhasedLSTMGates": 3,
    "DroppedLSTMGates": 1,
    "NormLSTMGates": 7,
    "NormGRUGates": 5,
    "ModReLUGates": 1,
}
"""Vectors of the gates' own weights"""
CELL_SIZES = {
    "SRUCell": (3, 2, 1), "ReluIndRNNCell": (1, 1, 0), "TanhIndRNNCell": (1, 1, 0), "RGLRUCell": (2, 1, 1),
    "MinGRUCell": (2, 0, 0), "MinLSTMCell": (3, 0, 0), "FPoolCell": (2, 0, 0), "FOPoolCell": (3, 0, 0),
    "IFOPoolCell": (4, 0, 0),
}  # fmt: skip
"""Vectors of x, of weights, and of what passes by"""


CHAIN_SIZES = {
    ResetGRUGates: (3, 2, 1, 0, 0), MinimalGatedUnitGates: (2, 1, 1, 0, 0), ProjectedLSTMGates: (4, 4, 1, 1, 0),
    CfCGates: (1, 1, 4, 0, 5), CfCSolution: (1, 1, 1, 0, 3),
}  # fmt: skip
"""Vectors of x, of both products, of the memory and of the gates' own weights"""


class Kernel(NamedTuple):
    """What is compiled for what."""

    name: str
    function: Any
    dtype: torch.dtype
    compiled_in: dict[str, Any]


def dense_kernels(target: int, gates: list[str], widths: list[int], dtypes: list[torch.dtype]) -> Iterator[Kernel]:
    """Of the dense recurrence, with zoneout, a mask and resets."""
    some = torch.empty(1, device="meta")
    for kind in GATES:
        sizes, name = kind.sizes(), kind.__name__
        for width in widths if name in gates else ():
            for dtype in dtypes:
                weight = torch.empty(sizes.products * width, width, dtype=dtype, device="meta")
                vectors, own = VECTORS.get(name, sizes.products), OWN.get(name, 0)
                common = {"G": vectors, "R": sizes.products, "M": sizes.memory, "W": own}
                for back, (function, way) in enumerate(((forward_kernel, "ADVANCE"), (backward_kernel, "RETREAT"))):
                    options = dense.options(
                        kind, vectors, weight, some, some, some, ROOM[target], going_back=bool(back)
                    )
                    more = {"SUMS": sizes.sums} if back else {}
                    yield Kernel(
                        f"{name} H={width}{'' if options['RESIDENT'] else ' tiles'}", function, dtype,
                        {**common, **more, way: GATES[kind][back], **options},
                    )  # fmt: skip


def step_kernels(gates: list[str], dtypes: list[torch.dtype]) -> Iterator[Kernel]:
    """Of the captured graph of steps."""
    for kind in GATES:
        sizes, name = kind.sizes(), kind.__name__
        for dtype in dtypes if name in gates else ():
            common = {
                "G": VECTORS.get(name, sizes.products), "R": sizes.products, "M": sizes.memory, "W": OWN.get(name, 0),
                "KEEP": True, "MASK": True, "ANEW": True, "BEGIN": sizes.begins, "KIND": sums_of(dtype), "WIDTH": 512,
            }  # fmt: skip
            yield Kernel(f"{name} H=512", step_kernel, dtype, {**common, "ADVANCE": GATES[kind][0]})
            yield Kernel(f"{name} H=512", step_back_kernel, dtype, {**common, "RETREAT": GATES[kind][1]})


def chain_kernels(target: int, widths: list[int], dtypes: list[torch.dtype]) -> Iterator[Kernel]:
    """Of the chained recurrence, with resets; within a step it is as wide as h, the LSTM's memory twice as wide."""
    for (kind, numbers), width, dtype in product(CHAIN_SIZES.items(), widths, dtypes):
        plugs, (vectors, products, heads, memory, own) = CHAINS[kind], numbers
        wide = 2 * width if memory else width
        shapes = (
            (1, 1, vectors * wide + plugs.numbers), (products * wide, width), (heads * width, wide),
            (1, memory * wide), (own, width), (1,),
        )  # fmt: skip
        x, first, second, m, weights, anew = (torch.empty(shape, dtype=dtype, device="meta") for shape in shapes)
        for back, function in enumerate((chain_kernel, chain_back_kernel)):
            options = chained.options(kind, x, first, second, m, weights, anew, ROOM[target], going_back=bool(back))
            ways = {"OPEN": plugs.open, "CLOSE": plugs.close, "UNCLOSE": plugs.unclose, "UNOPEN": plugs.unopen}
            name = f"{kind.__name__} H={width}{'' if options['RESIDENT'] else ' tiles'}"
            yield Kernel(name, function, dtype, {**options, **ways})


def scan_kernels(dtypes: list[torch.dtype]) -> Iterator[Kernel]:
    """Of the linear recurrence, with segments."""
    for dtype in dtypes:
        for kind in (torch.float32, torch.complex64) if dtype != torch.bfloat16 else (dtype,):
            for steps in (1, 2):
                a, h = (torch.empty(1, t, 1, dtype=kind, device="meta") for t in (steps, 2))
                options = {**scan.options(a, h), "KIND": sums_of(dtype)}
                if not kind.is_complex:
                    options |= {"a_number": 1, "b_number": 1, "grad_number": 1}
                name = f"{'complex ' * kind.is_complex}scan{', constant' * options['FIXED']}"
                yield Kernel(name, scan.scan_kernel, dtype, options)
                yield Kernel(name, scan.scan_back_kernel, dtype, options)


def cell_kernels(dtypes: list[torch.dtype]) -> Iterator[Kernel]:
    """Of the elementwise recurrence."""
    for kernels, cells in ((gated_steps, CELLS), (gated_scan, linear_cells.CELLS)):
        for cell in cells:
            vectors, weights, passing = CELL_SIZES[cell.__name__]
            for dtype in dtypes:
                shapes = (1, 1, vectors, 1), (1, 1, passing), (weights, 1)
                given = [torch.empty(shape, dtype=dtype, device="meta") for shape in shapes]
                for back, function in enumerate((kernels.forward_kernel, kernels.backward_kernel)):
                    options = kernels.options(cell(), *given, going_back=bool(back))
                    yield Kernel(cell.__name__, function, dtype, options)


def selective_kernels(dtypes: list[torch.dtype]) -> Iterator[Kernel]:
    """Of Mamba's scan, with segments."""
    for size in (16, 64):
        for dtype in dtypes:
            options = selective.options(dtype, 1024, size)
            yield Kernel(f"selective scan S={size}", selective.selective_kernel, dtype, options)
            yield Kernel(f"selective scan S={size}", selective.selective_back_kernel, dtype, options)


def diagonal_kernels(dtypes: list[torch.dtype]) -> Iterator[Kernel]:
    """Of S4D and S4, with resets; there are no complex numbers of lower precision."""
    for rank, name in enumerate(("diagonal", "low rank")):
        for size in (8, 32, 64):
            for dtype in (x for x in dtypes if x != torch.bfloat16):
                options = diagonal.options(dtype, 1024, size, rank=bool(rank))
                yield Kernel(f"{name} models N={size}", diagonal.models_kernel, dtype, options)
                yield Kernel(f"{name} models N={size}", diagonal.models_back_kernel, dtype, options)


def depthwise_kernels(dtypes: list[torch.dtype]) -> Iterator[Kernel]:
    """Of convolutions of single channels, with segments."""
    for dtype in dtypes:
        options = depthwise.options(torch.empty(4, 1, dtype=dtype, device="meta"))
        yield Kernel("depthwise convolution K=4", depthwise.depthwise_kernel, dtype, options)
        yield Kernel("depthwise convolution K=4", depthwise.depthwise_back_kernel, dtype, options)


def delta_kernels(widths: list[int], dtypes: list[torch.dtype]) -> Iterator[Kernel]:
    """Of the delta rule, from chunk to chunk."""
    for keys in widths:
        for dtype in dtypes:
            options = delta.options(dtype, 32, keys)
            yield Kernel(f"delta rule K={keys}", delta.states_kernel, dtype, options)
            yield Kernel(f"delta rule K={keys}", delta.states_back_kernel, dtype, options)


WHOLE_NUMBERS = {
    "chunks", "heads", "steps", "keys", "values", "dilation",
    "time", "batch", "channels", "rows", "size", "width", "memory_every", "keep_time", "keep_row", "mask_row",
    "wide", "every",
    "a_row", "a_time", "a_number", "b_row", "b_time", "b_number",
    "grad_row", "grad_time", "grad_number",
}  # fmt: skip
OPTIONS = ("num_warps", "num_stages")


def compiled(kernel: Kernel, target: int) -> Any:
    """By Triton's compiler and the assembler that comes with it."""
    names = kernel.function.arg_names
    constants = {name: value for name, value in kernel.compiled_in.items() if name in names}
    kinds = {name: "i32" if name in WHOLE_NUMBERS else f"*{TYPES[kernel.dtype]}" for name in names}
    kinds |= {"spans": "*i64", "begun": "*i64", "anew": "*i1", "anew_after": "*i1"}
    source = ASTSource(
        fn=kernel.function,
        signature={name: "constexpr" if name in constants else kinds[name] for name in names},
        constexprs={(names.index(name),): value for name, value in constants.items()},
        attrs={(i,): [["tt.divisibility", 16]] for i, name in enumerate(names) if name not in constants},
    )
    options = {name: value for name, value in kernel.compiled_in.items() if name in OPTIONS}
    return triton.compile(source, target=GPUTarget("cuda", target, 32), options=options)


def usage(cubin: bytes) -> tuple[str, str]:
    """Registers a thread, and bytes on its stack."""
    tool = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        said = subprocess.run([tool, "-res-usage", file.name], capture_output=True, text=True, check=True).stdout
    registers, stack = re.search(r"REG:(\d+)", said), re.search(r"STACK:(\d+)", said)
    return (registers.group(1) if registers else "?"), (stack.group(1) if stack else "?")


def main() -> None:
    """Print one line for each kernel."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", type=int, choices=sorted(ROOM), default=90, help="compute capability (default 90)")
    choices = ("dense", "steps", "chains", "scan", "cells", "selective", "diagonal", "depthwise", "delta")
    parser.add_argument("--only", nargs="+", choices=choices, default=["dense", "scan"])
    parser.add_argument("--gates", nargs="+", default=[kind.__name__ for kind in GATES], metavar="KIND")
    parser.add_argument("--widths", type=int, nargs="+", default=[64, 128], help="H or K, up to 256 (default 64 128)")
    names = {name: dtype for dtype, name in TYPES.items()}
    parser.add_argument("--dtypes", nargs="+", choices=sorted(names), default=["bf16", "fp32"])
    arguments = parser.parse_args()
    dtypes = [names[name] for name in arguments.dtypes]
    groups = {
        "dense": lambda: dense_kernels(arguments.target, arguments.gates, arguments.widths, dtypes),
        "steps": lambda: step_kernels(arguments.gates, dtypes),
        "chains": lambda: chain_kernels(arguments.target, arguments.widths, dtypes),
        "scan": lambda: scan_kernels(dtypes),
        "cells": lambda: cell_kernels(dtypes),
        "selective": lambda: selective_kernels(dtypes),
        "diagonal": lambda: diagonal_kernels(dtypes),
        "depthwise": lambda: depthwise_kernels(dtypes),
        "delta": lambda: delta_kernels(arguments.widths, dtypes),
    }
    print(f"sm_{arguments.target}, {ROOM[arguments.target] // 1024} KB to share")
    print("kernel                             way                      dtype  registers  stack  shared KB")
    for kernel in (kernel for group in arguments.only for kernel in groups[group]()):
        made = compiled(kernel, arguments.target)
        registers, stack = usage(made.asm["cubin"])
        shared = made.metadata.shared / 1024
        name = kernel.function.__name__.strip("_")
        print(
            f"{kernel.name:34} {name:24} {TYPES[kernel.dtype]:5} {registers:>10} {stack:>6} {shared:10.0f}", flush=True
        )


if __name__ == "__main__":
    main()
