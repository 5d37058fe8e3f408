"""Neural Turing Machine: a controller with a memory that it addresses by content and by place.

Graves, Wayne & Danihelka 2014, arXiv 1410.5401. At every step, with M the memory (N slots of width W):

    h_t = controller([x_t ; r_{t-1}])                   r: what was read the step before
    each write head:  M(i) <- M(i) * (1 - w(i) e) + w(i) a        (eq. 3-4), e = sigmoid(...) erases, a adds
    each read head:   r = sum_i w(i) M(i)                           (eq. 2)
    y_t = W_y [h_t ; r_t]

Heads choose w as in ``addressing``, all of them on the memory before the step; what is written in a step can be read
in it. Our N and W are the paper's N and M. Where implementations go wrong, and what is
done here: sharpening as softmax(gamma log w); what heads say is clamped to +-20 before it is squashed; the memory
starts at a small constant and the heads at learned places, since equal rows with equal weights never part (Collier &
Beel 2018).
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from statewise import probe
from statewise.contract import LayerFactory, SequenceLayer, Vectors
from statewise.layers.memory.addressing import Address, address
from statewise.layers.memory.feedforward import Feedforward
from statewise.tree import State

CLAMP = 20.0
"""Bound of what heads say before it is squashed"""
INITIAL_MEMORY = 1e-6


class NTMState(NamedTuple):
    """What a Neural Turing Machine carries; K heads, readers first."""

    memory: Tensor
    """(B, N, W)"""
    weights: Tensor
    """(B, K, N): where each head was"""
    read: Tensor
    """(B, readers * W): what was read the step before"""
    controller: State
    """The controller's own; ``()`` with a feed-forward one"""


class NeuralTuringMachine(SequenceLayer):
    """A controller that reads and writes a memory of ``slots`` vectors of width ``slot_width``.

    The controller is any layer; a layer with a state of its own may solve a task past the memory.

    Args:
        input_size: D.
        hidden_size: H, width of the controller and of the output.
        controller: makes the layer that reads [x ; r] and tells the heads what to do: a layer's class, or a
            ``functools.partial`` of one.
        slots: N.
        slot_width: W.
        read_heads: heads that read.
        write_heads: heads that write.
        shift_range: S, how far a head can move in a step, either way; past the last slot comes the first.

    Raises:
        ValueError: if a size is below 1, or the shift range below 0.

    >>> ntm = NeuralTuringMachine(input_size=3, hidden_size=4, slots=8, slot_width=5)
    >>> y, state = ntm(torch.randn(2, 7, 3))
    >>> y.shape, state.memory.shape
    (torch.Size([2, 7, 4]), torch.Size([2, 8, 5]))
    """

    state_knob = "slots"

    def __init__(
        self,
        *,
        input_size: int,
        hidden_size: int,
        controller: LayerFactory = Feedforward,
        slots: int = 128,
        slot_width: int = 20,
        read_heads: int = 1,
        write_heads: int = 1,
        shift_range: int = 1,
    ) -> None:
        super().__init__(Vectors(input_size), hidden_size)
        if min(slots, slot_width, read_heads, write_heads) < 1 or shift_range < 0:
            raise ValueError(
                "slots, slot_width and heads must be at least 1 and shift_range at least 0, got "
                f"{slots}, {slot_width}, {read_heads} and {write_heads} heads, {shift_range}"
            )
        self.slots = slots
        self.slot_width = slot_width
        self.read_heads = read_heads
        self.write_heads = write_heads
        self.shift_range = shift_range
        heads = read_heads + write_heads
        self.controller = controller(input_size=input_size + read_heads * slot_width, hidden_size=hidden_size)
        self.interface = nn.Linear(hidden_size, heads * self._said_by_head() + write_heads * 2 * slot_width)
        self.start = nn.Parameter(_starting_places(heads, slots))
        self.read_at_start = nn.Parameter(0.1 * torch.randn(read_heads * slot_width))
        self.readout = nn.Linear(hidden_size + read_heads * slot_width, hidden_size)

    def initial_state(self, batch_size: int) -> NTMState:
        memory = self.zeros(batch_size, self.slots, self.slot_width) + INITIAL_MEMORY
        weights = self.start.softmax(dim=-1).unsqueeze(0).expand(batch_size, -1, -1)
        read = self.read_at_start.unsqueeze(0).expand(batch_size, -1)
        return NTMState(memory, weights, read, self.controller.initial_state(batch_size))

    def step(self, x: Tensor, state: NTMState) -> tuple[Tensor, NTMState]:
        h, controller = self.controller.step(torch.cat([x, state.read.to(x.dtype)], dim=1), state.controller)
        addresses, erase, add = self._interpret(self.interface(h).clamp(-CLAMP, CLAMP))
        weights = address(state.memory, state.weights, addresses)
        probe.record(self, "read_weights", weights[:, : self.read_heads])
        probe.record(self, "write_weights", weights[:, self.read_heads :])
        memory = self._write(state.memory, weights[:, self.read_heads :], erase, add)
        read = (weights[:, : self.read_heads] @ memory).flatten(1)
        y = self.readout(torch.cat([h, read.to(h.dtype)], dim=1))
        return y, NTMState(memory, weights, read, controller)

    def _interpret(self, said: Tensor) -> tuple[Address, Tensor, Tensor]:
        """What the controller says, squashed into admissible ranges."""
        heads = self.read_heads + self.write_heads
        places, contents = said.split([heads * self._said_by_head(), self.write_heads * 2 * self.slot_width], dim=1)
        sizes = [self.slot_width, 1, 1, 2 * self.shift_range + 1, 1]
        key, strength, gate, shift, sharpening = places.unflatten(1, (heads, -1)).split(sizes, dim=2)
        where = Address(
            key.tanh(), F.softplus(strength), gate.sigmoid(), shift.softmax(dim=2), 1 + F.softplus(sharpening)
        )
        erase, add = contents.unflatten(1, (self.write_heads, -1)).chunk(2, dim=2)
        return where, erase.sigmoid(), add.tanh()

    def _write(self, memory: Tensor, weights: Tensor, erase: Tensor, add: Tensor) -> Tensor:
        """All write heads at once: what several erase is erased by each, what several add adds up."""
        kept = (1 - weights.unsqueeze(3) * erase.unsqueeze(2)).prod(dim=1)
        return memory * kept + weights.transpose(1, 2) @ add

    def _said_by_head(self) -> int:
        """Numbers that place one head: key, strength, gate, shift, sharpening."""
        return self.slot_width + 1 + 1 + (2 * self.shift_range + 1) + 1


def _starting_places(heads: int, slots: int) -> Tensor:
    """Logits of the heads' first weights: all near slot 0, so that what is written first can be found again."""
    logits = 0.01 * torch.randn(heads, slots)
    logits[:, 0] += 5.0
    return logits
