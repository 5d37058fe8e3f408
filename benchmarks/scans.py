"""Recurrences without a matrix on one CPU thread: the scan against an addition, layers against ``torch.nn.GRU``.

    python benchmarks/scans.py [--rounds 30] [--lengths 256 1024] [--width 128] [--only scans layers forms]

Both sides take turns, so that a busy machine slows both; times are medians of processor time, which leaves out what
other processes take, and a ratio is the median over the rounds of ours / theirs. ``scan`` is h_t = a_t h_{t-1} + b_t:
forward against ``a + b`` on the same tensors, the floor of whatever reads two tensors and writes one; backward alone
against the same, and beside it the backward of torch's own ``a * b``, which reads and writes as much. Layers are
trained, forward and backward, at one batch and width. ``forms`` are layers as they run against the same with one
operation by another of its forms: torch's product or convolution, noise or a norm by its operations, or products in
blocks.
"""

import argparse
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from turns import take_turns, training

from statewise.catalog import SEQUENCE_LAYERS
from statewise.layers.recurrent.ind_rnn import IndRNN
from statewise.layers.recurrent.quasi_rnn import QuasiRNN
from statewise.layers.recurrent.sru import SRU
from statewise.layers.statespace.lru import LRU
from statewise.layers.statespace.mamba import Mamba
from statewise.layers.statespace.min_gru import MinGRU
from statewise.layers.statespace.min_lstm import MinLSTM
from statewise.layers.statespace.rg_lru import RGLRU
from statewise.models.resolve import make_layer
from statewise.ops import (
    causal_convolution,
    diagonal_convolution,
    linear,
    noise,
    normalisation,
    state_space_convolution,
)
from statewise.ops.forms import Forms
from statewise.ops.linear_recurrence import linear_recurrence

LAYERS = {
    "min-gru": MinGRU,
    "min-lstm": MinLSTM,
    "ind-rnn": IndRNN,
    "sru": SRU,
    "qrnn": QuasiRNN,
    "lru": LRU,
    "rg-lru": RGLRU,
    "mamba": Mamba,
}
OTHERS: tuple[tuple[Forms[..., Any], str, tuple[str, ...]], ...] = (
    (linear.FORMS, "reference", (
        "mamba", "mamba-2", "gated-delta-net", "rwkv", "mlstm", "attention", "rg-lru", "lru", "sru", "min-gru",
    )),
    (causal_convolution.FORMS, "conv1d", ("mamba", "mamba-2", "gated-delta-net", "rg-lru")),
    (noise.FORMS, "reference", ("lstm-zoneout", "lstm-recurrent-dropout")),
    (normalisation.FORMS, "reference", ("lstm-rms-norm", "gru-rms-norm")),
    (diagonal_convolution.FORMS, "in_blocks", ("s4d",)),
    (state_space_convolution.FORMS, "in_blocks", ("s4",)),
)  # fmt: skip
"""Operation, another form of it, the layers that are trained with either"""
BATCH = 8


class Duel(NamedTuple):
    """Two pieces of work, and what to call them."""

    name: str
    ours: Callable[[], object]
    peer: str
    theirs: Callable[[], object]
    goal: float


def scans(length: int, width: int) -> Iterator[Duel]:
    """Forward and backward of the scan of real and of complex numbers, each against an addition."""
    yield from scan_of(length, width, torch.float32)
    yield from scan_of(length, width, torch.complex64)


def scan_of(length: int, width: int, dtype: torch.dtype) -> Iterator[Duel]:
    """Forward and backward of the scan in one dtype."""
    a, b, cotangent = (torch.rand(BATCH, length, width, dtype=dtype) for _ in range(3))
    initial = torch.zeros(BATCH, width, dtype=dtype)
    kind = "complex " if dtype.is_complex else ""
    yield Duel(f"{kind}scan forward", lambda: linear_recurrence(a, b, initial), "a + b", lambda: a + b, 1.3)
    leaves = a.detach().requires_grad_(), b.detach().requires_grad_()
    h, product = linear_recurrence(leaves[0], leaves[1], initial), leaves[0] * leaves[1]
    yield Duel(f"{kind}scan backward", backward(h, leaves, cotangent), "a + b", lambda: a + b, 2.5)
    yield Duel(f"{kind}a * b backward", backward(product, leaves, cotangent), "a + b", lambda: a + b, 2.5)


def backward(y: Tensor, leaves: tuple[Tensor, ...], cotangent: Tensor) -> Callable[[], object]:
    """The gradients of leaves alone."""
    return lambda: torch.autograd.grad(y, leaves, cotangent, retain_graph=True)


def layers(length: int, width: int) -> Iterator[Duel]:
    """Training of each layer against a GRU as wide."""
    x, peer = torch.randn(BATCH, length, width), nn.GRU(width, width, batch_first=True)
    for name, kind in LAYERS.items():
        layer = kind(input_size=width, hidden_size=width)
        yield Duel(f"{name} training", trained(layer, x), "nn.GRU", trained(peer, x), 1.0)


def forms(length: int, width: int) -> Iterator[Duel]:
    """Training of layers with the form that the rule chooses, against another."""
    x = torch.randn(BATCH, length, width)
    for operation, form, names in OTHERS:
        for name in names:
            layer = make_layer(SEQUENCE_LAYERS[name], {"input_size": width, "hidden_size": width})
            train = trained(layer, x)
            yield Duel(f"{name} training", train, f"{operation.operation} {form}", in_form(operation, form, train), 1.0)


def in_form(operation: Forms[..., Any], form: str, work: Callable[[], object]) -> Callable[[], object]:
    """The same work with one form of an operation."""

    def run() -> None:
        with operation.use(form):
            work()

    return run


def trained(module: nn.Module, x: Tensor) -> Callable[[], object]:
    """Training of a layer or of torch's."""
    return training(module, lambda: module(x)[0])


GROUPS: dict[str, Callable[[int, int], Iterator[Duel]]] = {"scans": scans, "layers": layers, "forms": forms}


def main() -> None:
    """Print one line for each comparison and length."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30, help="measurements of each side (default 30)")
    parser.add_argument("--lengths", type=int, nargs="+", default=[256, 1024], help="T (default 256 1024)")
    parser.add_argument("--width", type=int, default=128, help="H (default 128)")
    parser.add_argument("--only", nargs="+", choices=GROUPS, default=["scans", "layers"])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print(f"B = {BATCH}, H = {arguments.width}")
    print(f"work                         T   ours ms  peer{'peer ms':>39}  ours/peer  goal")
    for length in arguments.lengths:
        for duel in (duel for name in arguments.only for duel in GROUPS[name](length, arguments.width)):
            (ours, theirs), (ratio,) = take_turns((duel.ours, duel.theirs), arguments.rounds)
            print(
                f"{duel.name:24} {length:5} {1000 * ours:9.3f}  {duel.peer:33} {1000 * theirs:9.3f} {ratio:10.2f}"
                f"  {duel.goal:4}"
            )


if __name__ == "__main__":
    main()
