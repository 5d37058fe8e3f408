"""The work that is timed: a layer at each of its gears, and torch.nn at the same."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from statewise.contract import Input, Peer, SequenceLayer, Stepper, example_input, take_step, values_of, with_values
from statewise.cost.bench.clock import Work
from statewise.cost.bench.config import BenchConfig, Gear
from statewise.errors import UserError

Recurrent = nn.RNN | nn.LSTM | nn.GRU
Cell = nn.RNNCell | nn.LSTMCell | nn.GRUCell

PEERS: dict[Peer, tuple[type[Recurrent], type[Cell]]] = {
    "RNN": (nn.RNN, nn.RNNCell),
    "LSTM": (nn.LSTM, nn.LSTMCell),
    "GRU": (nn.GRU, nn.GRUCell),
}
"""torch.nn's layers and their cells"""


class Duel(NamedTuple):
    """A layer's work and torch.nn's, and what to call the latter."""

    ours: Work
    theirs: Work
    peer: str


def duel(name: str, layer: SequenceLayer, peer: Peer, gear: Gear, config: BenchConfig) -> Duel:
    """A layer against torch.nn's of the same width; ``layer`` is put for good into the mode that the gear needs.

    Raises:
        UserError: if training is asked for and nothing in the layer can be trained.
    """
    sequence_class, cell_class = PEERS[peer]
    if gear == "step":
        cell = cell_class(config.width, layer.output_size).to(config.device)
        x = take_step(example_input(layer, batch=config.streams, time=1), 0)
        ours = _streaming(layer.eval().stepper(layer.initial_state(config.streams)), x)
        return Duel(ours, _stepping(cell, values_of(x)), f"nn.{peer}Cell")
    module = sequence_class(config.width, layer.output_size, batch_first=True).to(config.device)
    x = example_input(layer, batch=config.batch, time=config.length)
    if gear == "forward":
        return Duel(_forward(layer.eval(), x), _forward(module.eval(), values_of(x)), f"nn.{peer}")
    return Duel(_training(name, layer.train(), x), _training(peer, module, values_of(x)), f"nn.{peer}")


def _streaming(stepper: Stepper, x: Input) -> Work:
    return lambda: stepper(x)


def _stepping(cell: Cell, x: Tensor) -> Work:
    """A cell that goes on from its own state, as a stream does."""
    state: list[object] = [None]

    @torch.no_grad()
    def run() -> None:
        state[0] = cell(x, state[0])

    return run


def _forward(module: nn.Module, x: Input) -> Work:
    @torch.no_grad()
    def run() -> None:
        module(x)

    return run


def _training(name: str, module: nn.Module, x: Input) -> Work:
    """Forward and backward, into parameters and input."""
    values = values_of(x).detach().requires_grad_()
    inputs = with_values(x, values)

    def run() -> None:
        module.zero_grad()
        values.grad = None
        y, _ = module(inputs)
        if not y.requires_grad:
            raise UserError(
                f"{name} has no gradient, so that training it cannot be timed; leave training out of --gears"
            )
        y.backward(torch.ones_like(y))

    return run
