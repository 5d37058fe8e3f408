"""What this machine can do at best, measured: how fast it copies, and how fast it multiplies matrices."""

import platform
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F

from statewise.cost.bench.clock import Work, repeats_of, seconds

SIZES = tuple(2**power for power in range(14, 28, 2))
"""Bytes of a copy, read and written together: what fits a small cache, up to what fits none"""
TRIES = 15
"""Measurements of each; the best counts, as it is a floor that is sought"""
PRODUCTS = {"cpu": (256, 512, 1024), "cuda": (2048, 4096, 8192)}
"""Rows and columns of the matrices that are multiplied"""


@dataclass(frozen=True)
class Machine:
    """Measured rates of one device, with the threads torch has.

    >>> machine = Machine(product_rate=1e9, copy_rates=((1000, 4e9), (10**6, 1e9)))
    >>> machine.copy_rate(500), machine.copy_rate(1001), machine.copy_rate(10**9)
    (4000000000.0, 1000000000.0, 1000000000.0)
    """

    product_rate: float
    """float32 operations a second of the best of some matrix products, additions and products counted apart"""
    copy_rates: tuple[tuple[int, float], ...]
    """Bytes read and written -> bytes a second, smallest first; never lower than with more bytes"""

    def copy_rate(self, size: int) -> float:
        """Bytes a second where ``size`` of them are moved: the smaller, the nearer the cache they fit."""
        return next((rate for known, rate in self.copy_rates if known >= size), self.copy_rates[-1][1])


def measure_machine(device: str) -> Machine:
    """The rates of a device; takes some seconds."""
    sides = PRODUCTS.get(torch.device(device).type, PRODUCTS["cpu"])
    rates: list[tuple[int, float]] = []
    for size in reversed(SIZES):
        rate = _copy_rate(size, device)
        rates.insert(0, (size, max(rate, rates[0][1]) if rates else rate))
    return Machine(max(_product_rate(side, device) for side in sides), tuple(rates))


def _product_rate(side: int, device: str) -> float:
    """By the fastest kernel that torch has: oneDNN's, which nn.LSTM uses on a CPU, may be twice as fast as MKL's."""
    left, right = torch.ones(side, side, device=device), torch.ones(side, side, device=device)
    works: list[Work] = [lambda: torch.mm(left, right)]
    if left.device.type == "cpu" and torch.backends.mkldnn.is_available():
        packed, weight = left.to_mkldnn(), right.to_mkldnn()
        works.append(lambda: F.linear(packed, weight))
    return 2 * side**3 / min(_best(work, device) for work in works)


def _copy_rate(size: int, device: str) -> float:
    """Of float32 numbers that take half of ``size``, read and written."""
    source = torch.ones(size // 8, device=device)
    target = torch.empty_like(source)
    return size / _best(lambda: target.copy_(source), device)


def _best(work: Work, device: str) -> float:
    repeats = repeats_of(work, device)
    return min(seconds(work, repeats, device) for _ in range(TRIES))


def describe_machine(device: str) -> dict[str, str | int]:
    """What the times were measured with, in words."""
    return {
        "processor": _processor(device),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
    }


def _processor(device: str) -> str:
    if torch.device(device).type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or "unknown"
