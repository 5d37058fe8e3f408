"""The least time that work can take on a machine: for the bytes that it has to move, or the operations it is made of.

Bytes: parameters, input, output and state, each read or written once; training reads parameters twice and writes their
gradients, and moves the gradients of input and output too. What a backward pass keeps for itself could be worked out
anew, so it is not counted. Operations: those of its steps (``statewise.cost.flops``), three times in training. Both
rates are measured.

A layer whose fast form is other arithmetic than its steps, such as a convolution by Fourier transforms or attention
whose window is not full yet, may take fewer operations, and then this floor is too high for it.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from statewise import tree
from statewise.contract import SequenceLayer, example_input
from statewise.cost.bench.config import BenchConfig, Gear
from statewise.cost.bench.machine import Machine
from statewise.cost.flops import step_flops
from statewise.cost.parameters import state_bytes


class Demand(NamedTuple):
    """What some work cannot do without."""

    nbytes: int
    operations: int


@dataclass(frozen=True)
class Floor:
    """The least time, and what takes it."""

    seconds: float
    limit: Literal["bytes", "operations"]


def demand(layer: SequenceLayer, gear: Gear, config: BenchConfig) -> Demand:
    """Of one run of a gear.

    >>> from statewise.layers.recurrent.rnn import RNN
    >>> config = BenchConfig(batch=2, length=10, width=4)
    >>> layer = RNN(input_size=4, hidden_size=4)
    >>> demand(layer, "forward", config).nbytes == 4 * (40 + 2 * 10 * (4 + 4) + 2 * 2 * 4)
    True
    """
    rows, steps = (config.streams, 1) if gear == "step" else (config.batch, config.length)
    weights = tree.nbytes(list(layer.parameters())) + tree.nbytes(list(layer.buffers()))
    x = tree.nbytes(example_input(layer, batch=rows, time=steps))
    y = rows * steps * layer.output_size * layer.zeros(0).element_size()
    state = 2 * rows * state_bytes(layer)
    operations = rows * steps * sum(step_flops(layer))
    if gear == "training":
        return Demand(3 * weights + 2 * (x + y) + state, 3 * operations)
    return Demand(weights + x + y + state, operations)


def floor(needed: Demand, machine: Machine) -> Floor:
    """The longer of both times.

    >>> floor(Demand(8000, 10), Machine(product_rate=1.0, copy_rates=((10**6, 1e3),)))
    Floor(seconds=10.0, limit='operations')
    """
    moving = needed.nbytes / machine.copy_rate(needed.nbytes)
    working = needed.operations / machine.product_rate
    return Floor(moving, "bytes") if moving >= working else Floor(working, "operations")
