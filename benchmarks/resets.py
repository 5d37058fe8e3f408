"""What resets inside a row cost on one CPU thread: 1 % of the steps reset against none, of one layer of every kind.

    python benchmarks/resets.py [--rounds 20] [--batch 32] [--length 512] [--width 128] [--share 0.01] [--only lru]

Both sides take turns, so that a busy machine slows both; times are medians of processor time, which leaves out what
other processes take, a ratio is the median over the rounds of with / without. The
goal is 1.1 for our own kernels, and 2 where a library's kernel, which knows of no resets, must be cut.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from statewise.catalog import SEQUENCE_LAYERS
from statewise.contract import SequenceLayer
from statewise.models.resolve import make_layer

KINDS = {
    "lstm": ("torch's LSTM", 2.0),
    "gru": ("dense recurrence", 1.1),
    "lstm-peephole": ("dense recurrence", 1.1),
    "min-gru": ("elementwise recurrence", 1.1),
    "ind-rnn": ("elementwise recurrence", 1.1),
    "sru": ("elementwise recurrence", 1.1),
    "qrnn": ("convolution, elementwise", 1.1),
    "lru": ("linear recurrence", 1.1),
    "rg-lru": ("convolution, linear", 1.1),
    "mamba": ("selective scan", 1.1),
    "mamba-2": ("matrix recurrence", 1.1),
    "gated-delta-net": ("delta rule", 1.1),
    "s4d": ("long convolution", 1.1),
    "attention": ("torch's attention", 2.0),
}
"""A layer -> the operation that its time goes into, and the goal"""
WARM_UP = 2
Work = Callable[[], object]


def works(layer: SequenceLayer, x: Tensor, reset: Tensor) -> dict[str, tuple[Work, Work]]:
    """Each gear with resets and without."""

    def forward(marks: Tensor | None) -> Work:
        def run() -> None:
            with torch.no_grad():
                layer(x, reset=marks)

        return run

    def training(marks: Tensor | None) -> Work:
        def run() -> None:
            layer.zero_grad()
            layer(x, reset=marks)[0].sum().backward()

        return run

    return {"forward": (forward(reset), forward(None)), "training": (training(reset), training(None))}


def measure(pair: tuple[Work, Work], rounds: int) -> tuple[list[float], float]:
    """Median seconds of processor time of both, and the median of their ratio, over interleaved runs."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for number in range(-WARM_UP, rounds):
        for side in (0, 1) if number % 2 else (1, 0):
            start = time.process_time()
            pair[side]()
            if number >= 0:
                seconds[side].append(time.process_time() - start)
    ratios = [one / other for one, other in zip(*seconds, strict=True)]
    return [statistics.median(side) for side in seconds], statistics.median(ratios)


def main() -> None:
    """Print one line for each layer and gear."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20, help="measurements of each side (default 20)")
    parser.add_argument("--batch", type=int, default=32, help="B (default 32)")
    parser.add_argument("--length", type=int, default=512, help="T (default 512)")
    parser.add_argument("--width", type=int, default=128, help="H (default 128)")
    parser.add_argument("--share", type=float, default=0.01, help="of the steps that are resets (default 0.01)")
    parser.add_argument("--only", nargs="+", choices=KINDS, default=list(KINDS), help="layers")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    batch, length, width = arguments.batch, arguments.length, arguments.width
    x, reset = torch.randn(batch, length, width), torch.rand(batch, length) < arguments.share
    print(f"B = {batch}, T = {length}, H = {width}, {int(reset.sum())} resets\n{'layer':16} {'operation':25}", end="")
    print("gear      with ms  without ms  with/without  goal")
    for name in arguments.only:
        operation, goal = KINDS[name]
        layer = make_layer(SEQUENCE_LAYERS[name], {"input_size": width, "hidden_size": width})
        for gear, pair in works(layer, x, reset).items():
            (ours, theirs), ratio = measure(pair, arguments.rounds)
            print(
                f"{name:16} {operation:25}{gear:8} {1000 * ours:8.2f} {1000 * theirs:11.2f} {ratio:13.2f} {goal:5}",
                flush=True,
            )


if __name__ == "__main__":
    main()
