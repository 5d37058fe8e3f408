"""How time and memory grow with length and width: one member of every family, fitted exponents, a figure and a table.

    python benchmarks/growth.py [--budget 3] [--workers 2] [--members lstm gru ...] [--longest 65536] [--widest 1024]

Each member is measured in a process of its own, one thread, batches of one sequence: against T at a width of 64, and
against H = D at T = 256. ``forward`` runs without gradients, ``training`` is forward and backward, into the input too.
Time is processor time, which a busy machine stretches least, the median of up to five runs. Memory is the peak of the
resident set during a run beyond what stood before it; Linux lets a process reset that peak. A series ends where the
next size would take longer than the budget, or too much memory, and the table says so. Exponents are fitted by least
squares on the logarithms over the upper half of the sizes: 1 is linear, 2 is square.

Writes docs/growth.svg and docs/growth.md. With the budgets given it takes about three minutes on 2 quiet cores.
"""

import argparse
import ctypes
import gc
import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import growth_figure
import torch

from statewise.contract import SequenceLayer, example_input, values_of, with_values
from statewise.cost.parameters import state_bytes
from statewise.models.bare import bare_layer
from statewise.models.resolve import pattern_of

DOCS = Path(__file__).parent.parent / "docs"
WIDTH, LENGTH = 64, 256
"""What is held while the other grows"""
SHORTEST, NARROWEST = 256, 32
WINDOW = 256
"""Of windowed attention"""
MOST_MEMORY = 3 * 2**30
"""Bytes that a run may take"""
RUNS = 5
GEARS = ("forward", "training")
GROWS = 2.0
"""Where one size is known, what the next, twice as large, is taken to cost at least"""


@dataclass(frozen=True)
class Member:
    """A family's member: what it is called, its pattern, the window it has (0 = as long as the sequence)."""

    label: str
    pattern: str
    window: int = WINDOW


MEMBERS = {
    member.label: member
    for member in (
        *(Member(name, name) for name in ("lstm", "gru", "sru", "clockwork", "min-gru", "lru", "s4d", "mamba")),
        *(Member(name, name) for name in ("mamba-2", "mlstm")),
        Member("attention, window T", "attention", 0),
        Member(f"attention, window {WINDOW}", "attention"),
        *(Member(name, name) for name in ("tcn", "window-mlp", "echo-state", "ntm")),
    )
}


def make(member: Member, width: int, length: int) -> SequenceLayer:
    """The bare layer of one size, its weights from one seed."""
    torch.manual_seed(0)
    return bare_layer(pattern_of(member.pattern, context_length=member.window or length), width)


def work_of(layer: SequenceLayer, gear: str, length: int) -> Callable[[], None]:
    """One run of a gear on one sequence."""
    x = example_input(layer, batch=1, time=length)
    values = values_of(x).detach().requires_grad_(gear == "training")
    inputs = with_values(x, values)
    layer.train(gear == "training")

    def run() -> None:
        with torch.set_grad_enabled(gear == "training"):
            y, _ = layer(inputs)
            if gear == "training":
                layer.zero_grad()
                values.grad = None
                y.sum().backward()

    return run


def measure(layer: SequenceLayer, gear: str, length: int, budget: float) -> tuple[float, int]:
    """Seconds and peak bytes of one run; repeated for a median while the budget lasts."""
    run = work_of(layer, gear, length)
    gc.collect()
    before = reset_peak()
    began = time.process_time()
    run()
    times = [time.process_time() - began]
    peak = max(0, resident("VmHWM") - before)
    while len(times) <= RUNS and sum(times) + times[-1] < budget:
        began = time.process_time()
        run()
        times.append(time.process_time() - began)
    return statistics.median(times[1:] or times), peak


def resident(field: str) -> int:
    """Bytes of this process's resident set: ``VmRSS`` now, ``VmHWM`` at its peak."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(field))


def reset_peak() -> int:
    """Begin a new peak, with nothing kept of what was freed; returns what is resident now."""
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return resident("VmRSS")


def grow(member: Member, axis: str, sizes: list[int], budget: float) -> Iterator[dict[str, Any]]:
    """A line for each gear and size along an axis, smallest first, until a budget is met."""
    for gear in GEARS:
        spent, taken = 0.0, 0
        for size in sizes:
            if GROWS * spent > budget or GROWS * taken > MOST_MEMORY:
                break
            width, length = (WIDTH, size) if axis == "T" else (size, LENGTH)
            layer = make(member, width, length)
            if size == sizes[0]:
                work_of(layer, gear, length)()  # what is compiled is compiled now
            spent, taken = measure(layer, gear, length, budget)
            here = {"member": member.label, "axis": axis, "gear": gear, "size": size}
            yield {**here, "seconds": spent, "peak": taken, "state": state_bytes(layer)}


def doubled(first: int, last: int) -> list[int]:
    """Powers of two between two of them, both included.

    >>> doubled(256, 1024)
    [256, 512, 1024]
    """
    return [first * 2**power for power in range(int(math.log2(last / first)) + 1)]


def run_member(arguments: argparse.Namespace) -> None:
    """In a process of its own: measure one member and print a line of JSON for each measurement."""
    torch.set_num_threads(1)
    member = MEMBERS[arguments.alone]
    axes = {"T": doubled(SHORTEST, arguments.longest), "H": doubled(NARROWEST, arguments.widest)}
    for axis, sizes in axes.items():
        for line in grow(member, axis, sizes, arguments.budget):
            print(json.dumps(line), flush=True)


def start_member(label: str, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """One member's measurements from its own process."""
    limits = ["--budget", str(arguments.budget), "--longest", str(arguments.longest), "--widest", str(arguments.widest)]
    environment = os.environ | {
        "OMP_NUM_THREADS": "1",
        "MALLOC_MMAP_THRESHOLD_": "65536",
        "MALLOC_TRIM_THRESHOLD_": "0",
    }
    began = time.monotonic()
    command = [sys.executable, __file__, "--alone", label, *limits]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"{label}: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
    print(f"{label}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def main() -> None:
    """Measure all members, a few at a time, and write figure and table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budget", type=float, default=3.0, help="seconds that one size may take (default 3)")
    parser.add_argument("--longest", type=int, default=65_536, help="the longest sequence (default 65536)")
    parser.add_argument("--widest", type=int, default=1024, help="the widest layer (default 1024)")
    parser.add_argument("--workers", type=int, default=2, help="processes beside each other (default 2)")
    parser.add_argument("--members", nargs="+", choices=MEMBERS, default=list(MEMBERS), metavar="MEMBER")
    parser.add_argument("--out", type=Path, default=DOCS, help="folder of growth.svg and growth.md (default docs)")
    parser.add_argument("--alone", choices=MEMBERS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.alone:
        run_member(arguments)
        return
    with ThreadPoolExecutor(arguments.workers) as pool:
        found = pool.map(lambda label: start_member(label, arguments), arguments.members)
        lines = [line for measured in found for line in measured]
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "growth.svg").write_text(growth_figure.figure(lines), encoding="utf-8")
    (arguments.out / "growth.md").write_text(
        growth_figure.table(lines, {"T": arguments.longest, "H": arguments.widest}), encoding="utf-8"
    )
    print(arguments.out / "growth.md")


if __name__ == "__main__":
    main()
