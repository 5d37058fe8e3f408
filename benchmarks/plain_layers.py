"""Plain RNN, LSTM and GRU against torch.nn's with the same weights, one thread.

    python benchmarks/plain_layers.py [--rounds 40] [--layers lstm gru] [--device cuda]

Ours and theirs take turns, so that a busy machine slows both; times are medians, a ratio is the median over the rounds
of ours / theirs. ``forward`` runs without gradients from given states, ``training`` is forward and backward from none.
``step`` is one time step without gradients against the module itself at T = 1 and against torch.nn's cell.
"""

import argparse
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import nn
from turns import Taken, take_turns, training

from statewise import tree
from statewise.layers.recurrent.gru import GRU
from statewise.layers.recurrent.interop import RecurrentLayer, TorchModule, state_to_torch, to_torch
from statewise.layers.recurrent.lstm import LSTM
from statewise.layers.recurrent.rnn import RNN

Cell = nn.RNNCell | nn.LSTMCell | nn.GRUCell
LAYERS: dict[str, tuple[type[RecurrentLayer], type[Cell]]] = {
    "rnn": (RNN, nn.RNNCell),
    "lstm": (LSTM, nn.LSTMCell),
    "gru": (GRU, nn.GRUCell),
}
SHAPES = ((32, 128, 128), (1, 512, 128), (32, 32, 64), (8, 16, 32), (1, 1, 32))
"""B, T, H = D"""
STEPS = 100
"""Single steps in one measurement of ``step``"""


class Duel(NamedTuple):
    """Two pieces of work that should take equally long, and what to call them."""

    gear: str
    peer: str
    ours: Callable[[], object]
    theirs: Callable[[], object]


def duels(name: str, batch: int, time_steps: int, width: int, device: str) -> list[Duel]:
    """All comparisons of one layer at one shape."""
    layer_class, cell_class = LAYERS[name]
    layer = layer_class(input_size=width, hidden_size=width).to(device)
    module = to_torch([layer])
    x = torch.randn(batch, time_steps, width, device=device)
    state = tree.map(torch.randn_like, layer.initial_state(batch))
    their_state = state_to_torch([state])
    peer = f"nn.{type(module).__name__}"
    x_t, cell = x[:, 0].contiguous(), cell_of(cell_class, module, width, device)
    cell_state = state if isinstance(layer, LSTM) else state.h
    step = single_steps(lambda: layer.step(x_t, state))
    return [
        Duel("forward", peer, _quiet(lambda: layer(x, state)), _quiet(lambda: module(x, their_state))),
        Duel("training", peer, training(layer, lambda: layer(x)[0]), training(module, lambda: module(x)[0])),
        Duel("step", f"{peer} T=1", step, single_steps(lambda: module(x[:, :1], their_state))),
        Duel("step", f"nn.{cell_class.__name__}", step, single_steps(lambda: cell(x_t, cell_state))),
    ]


def cell_of(cell_class: type[Cell], module: TorchModule, width: int, device: str) -> nn.Module:
    """torch.nn's cell with the weights of a module."""
    cell = cell_class(width, width).to(device)
    cell.load_state_dict({key.removesuffix("_l0"): tensor for key, tensor in module.state_dict().items()})
    return cell


def _quiet(work: Callable[[], object]) -> Callable[[], object]:
    def run() -> None:
        with torch.no_grad():
            work()

    return run


def single_steps(work: Callable[[], object]) -> Callable[[], object]:
    """``STEPS`` of them, one of which is too short to measure."""

    def run() -> None:
        for _ in range(STEPS):
            work()

    return _quiet(run)


def main() -> None:
    """Print one line for each layer, shape and gear."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40, help="measurements of each side (default 40)")
    parser.add_argument("--layers", nargs="+", choices=sorted(LAYERS), default=sorted(LAYERS))
    parser.add_argument("--gears", nargs="+", choices=("forward", "training", "step"), default=["forward", "training"])
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print("layer     B    T    H  gear      peer            ours ms   peer ms  ours/peer")
    for name in arguments.layers:
        for shape in SHAPES:
            for duel in duels(name, *shape, arguments.device):
                if duel.gear in arguments.gears:
                    taken = take_turns((duel.ours, duel.theirs), arguments.rounds, arguments.device)
                    report(name, shape, duel, taken)


def report(name: str, shape: tuple[int, int, int], duel: Duel, taken: Taken) -> None:
    """Print one line of the table; a step's time is that of one step."""
    batch, time_steps, width = shape
    single = duel.gear == "step"
    ours, theirs = (1000 * seconds / (STEPS if single else 1) for seconds in taken.seconds)
    where = f"{name:6} {batch:4} {1 if single else time_steps:4} {width:4}  {duel.gear:9} {duel.peer:13}"
    print(f"{where} {ours:9.3f} {theirs:9.3f} {taken.ratios[0]:10.3f}")


if __name__ == "__main__":
    main()
