"""What resets inside a row cost on one CPU thread: some steps reset against none, of one layer of every kind.

    python benchmarks/resets.py [--rounds 20] [--batch 32] [--length 512] [--width 128] [--share 0.01] [--only lru]

Both sides take turns, so that a busy machine slows both; times are medians of processor time, which leaves out what
other processes take, a ratio is the median over the rounds of with / without. The goal is 1.1 for our own kernels, and
2 where a library's kernel, which knows of no resets, must be cut.
"""

import argparse

import torch
from torch import Tensor
from turns import Work, take_turns, training

from statewise.catalog import SEQUENCE_LAYERS
from statewise.contract import SequenceLayer
from statewise.models.resolve import make_layer

OWN, CUT = 1.1, 2.0
KINDS = {
    "lstm": ("torch's LSTM", CUT),
    "gru": ("dense recurrence", OWN),
    "lstm-peephole": ("dense recurrence", OWN),
    "lstm-layer-norm": ("dense recurrence", OWN),
    "clockwork": ("dense recurrence", OWN),
    "orthogonal-rnn": ("dense recurrence", OWN),
    "echo-state": ("dense recurrence", OWN),
    "slstm": ("dense recurrence", OWN),
    "lstm-projected": ("chained recurrence", OWN),
    "minimal-gated-unit": ("chained recurrence", OWN),
    "gru-reset-before": ("chained recurrence", OWN),
    "cfc": ("chained recurrence", OWN),
    "ode-rnn": ("chained recurrence", OWN),
    "phased-lstm": ("dense recurrence", OWN),
    "min-gru": ("elementwise recurrence", OWN),
    "min-lstm": ("elementwise recurrence", OWN),
    "ind-rnn": ("elementwise recurrence", OWN),
    "sru": ("elementwise recurrence", OWN),
    "qrnn": ("convolution, elementwise", OWN),
    "lru": ("linear recurrence", OWN),
    "s5": ("linear recurrence", OWN),
    "rg-lru": ("convolution, elementwise", OWN),
    "mamba": ("convolution, scan", OWN),
    "mamba-2": ("convolution, matrix", OWN),
    "gated-delta-net": ("convolution, delta rule", OWN),
    "rwkv": ("matrix recurrence", OWN),
    "mlstm": ("matrix recurrence", OWN),
    "s4d": ("diagonal recurrence", OWN),
    "s4": ("recurrence of low rank", OWN),
    "lmu": ("steps by torch", CUT),
    "lstm-zoneout": ("dense recurrence", OWN),
    "skip-rnn": ("dense recurrence", OWN),
    "hyena": ("long convolution", CUT),
    "tcn": ("convolution", CUT),
    "window-mlp": ("convolution", CUT),
    "attention": ("torch's attention", CUT),
}
"""A layer -> the operation that its time goes into, and the goal: of our own kernels, or where torch's must be cut"""


def works(layer: SequenceLayer, x: Tensor, reset: Tensor) -> dict[str, tuple[Work, Work]]:
    """Each gear with resets and without; a reservoir has nothing to train."""

    def forward(marks: Tensor | None) -> Work:
        def run() -> None:
            with torch.no_grad():
                layer(x, reset=marks)

        return run

    gears = {"forward": (forward(reset), forward(None))}
    if any(weight.requires_grad for weight in layer.parameters()):
        gears["training"] = (
            training(layer, lambda: layer(x, reset=reset)[0]),
            training(layer, lambda: layer(x)[0]),
        )
    return gears


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
            (ours, theirs), (ratio,) = take_turns(pair, arguments.rounds)
            print(
                f"{name:16} {operation:25}{gear:8} {1000 * ours:8.2f} {1000 * theirs:11.2f} {ratio:13.2f} {goal:5}",
                flush=True,
            )


if __name__ == "__main__":
    main()
