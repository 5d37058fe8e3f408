"""Variants of the LSTM and GRU against the plain torch.nn module of their kind, forward and backward, one thread.

    python benchmarks/gated_variants.py [--rounds 20] [--cells lstm-peephole gru-rms-norm] [--rows 32] [--steps 128]

A variant, torch.nn's plain module and the eager loop over the variant's ``step`` take turns, so that a busy machine
slows all; times are the processor's, medians, ratios the medians over the rounds. Only the projected LSTM is in
torch.nn, with ``proj_size``; for the others the plain module is what a person would have to be content with, the loop
over ``step`` what a person would write.
"""

import argparse
from collections.abc import Callable

import torch
from torch import Tensor, nn
from turns import take_turns, training

from statewise.catalog import SEQUENCE_LAYERS
from statewise.contract import SequenceLayer
from statewise.layers.recurrent.projected_lstm import WIDER
from statewise.models.resolve import make_layer

PEERS: dict[str, type[nn.LSTM] | type[nn.GRU] | type[nn.RNN]] = {
    "lstm-peephole": nn.LSTM,
    "lstm-coupled": nn.LSTM,
    "lstm-layer-norm": nn.LSTM,
    "lstm-rms-norm": nn.LSTM,
    "lstm-zoneout": nn.LSTM,
    "lstm-variational": nn.LSTM,
    "lstm-recurrent-dropout": nn.LSTM,
    "phased-lstm": nn.LSTM,
    "lstm-projected": nn.LSTM,
    "gru-layer-norm": nn.GRU,
    "gru-rms-norm": nn.GRU,
    "gru-reset-before": nn.GRU,
    "minimal-gated-unit": nn.GRU,
    "minimal-rnn": nn.GRU,
    "cfc": nn.GRU,
    "ode-rnn": nn.GRU,
    "skip-rnn": nn.RNN,
    "orthogonal-rnn": nn.RNN,
}


def peer_of(cell: str, width: int) -> nn.RNNBase:
    """torch.nn's module of the kind, as wide."""
    if cell == "lstm-projected":
        return nn.LSTM(width, WIDER * width, proj_size=width, batch_first=True)
    return PEERS[cell](width, width, batch_first=True)


def works(cell: str, rows: int, steps: int, width: int) -> tuple[Callable[[], object], ...]:
    """Training of the variant, of the plain module, and of the variant as a loop over ``step``."""
    layer = make_layer(SEQUENCE_LAYERS[cell], {"input_size": width, "hidden_size": width}).train()
    module = peer_of(cell, width)
    x = torch.randn(rows, steps, width)

    def loop() -> Tensor:
        return SequenceLayer._sequence(layer, x, layer.initial_state(rows))[0]

    return (
        training(layer, lambda: layer(x)[0]),
        training(module, lambda: module(x)[0]),
        training(layer, loop),
    )


def main() -> None:
    """Print one line for each variant."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20, help="measurements of each (default 20)")
    parser.add_argument("--cells", nargs="+", choices=sorted(PEERS), default=list(PEERS))
    parser.add_argument("--rows", type=int, default=32, help="B (default 32)")
    parser.add_argument("--steps", type=int, default=128, help="T (default 128)")
    parser.add_argument("--width", type=int, default=128, help="H = D (default 128)")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print(f"training at B = {arguments.rows}, T = {arguments.steps}, H = {arguments.width}")
    print("cell                     ours ms  peer      peer ms  ours/peer   loop ms  ours/loop")
    for cell in arguments.cells:
        contestants = works(cell, arguments.rows, arguments.steps, arguments.width)
        medians, (to_peer, to_loop) = take_turns(contestants, arguments.rounds)
        ours, theirs, loop = (1000 * seconds for seconds in medians)
        peer = f"nn.{PEERS[cell].__name__}"
        print(f"{cell:23} {ours:8.1f}  {peer:8} {theirs:8.1f} {to_peer:10.2f} {loop:9.1f} {to_loop:10.2f}")


if __name__ == "__main__":
    main()
