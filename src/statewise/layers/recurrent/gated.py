"""What cells share whose only product with their state is one matrix.

    u_t = U (d * h_{t-1})
    h'_t, c'_t = the cell's own, number by number, from W x_t + b, u_t, h_{t-1}, c_{t-1}
    h_t = k * h_{t-1} + (1 - k) * h'_t,  likewise c_t,  y_t = h_t

k is zoneout's share and d variational dropout's mask, see ``statewise.layers.recurrent.noise``; without noise k = 0 and
d = 1. A cell writes ``step`` between ``_product`` and ``_after``, and hands its gates to the loop over all steps.
"""

from abc import abstractmethod
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from statewise.contract import Segments, SequenceLayer, Stepper, Vectors
from statewise.init.matrices import Recurrent, recurrent_, uniform_
from statewise.layers.recurrence_stepper import recurrence_stepper
from statewise.layers.recurrent.noise import Noise, NoiseState, kept_shares, variational_mask
from statewise.modules.linear import Linear
from statewise.ops.dense_recurrence import dense_recurrence
from statewise.ops.streams import feeds, holds
from statewise.ops.streams.dense import dense_stepping
from statewise.ops.streams.stepping import Stepping


class HiddenState(NamedTuple):
    """What a cell carries that has no memory beside its output."""

    h: Tensor
    """(B, H): the output of the step before"""
    noise: NoiseState | tuple[()]
    """Empty where no rate of noise is above 0"""


class MemoryState(NamedTuple):
    """What a cell carries that has a memory beside its output."""

    h: Tensor
    """(B, H): the output of the step before"""
    c: Tensor
    """(B, H): the memory"""
    noise: NoiseState | tuple[()]
    """Empty where no rate of noise is above 0"""


CellState = Any
"""Either of them: a tuple of h, what else is carried, and the noise"""


class GatedLayer(SequenceLayer):
    """W x_t + b of all gates is ``input``, U ``recurrent``; rows gate by gate, in the order of the cell's equations.

    Args:
        input_size: D.
        hidden_size: H, width of state and output.
        inputs: how many vectors of width H are made of x_t.
        products: how many are made of h_{t-1}.
        initialization: U at the start, gate by gate; all else is uniform in +-1/sqrt(H), as torch.nn's.
        noise: inside the recurrence.

    Raises:
        ValueError: if the initialisation is unknown, or a rate of noise outside [0, 1).
    """

    state_type: ClassVar[Any]
    """``HiddenState`` or ``MemoryState``"""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        inputs: int,
        products: int,
        initialization: Recurrent,
        noise: Noise,
    ) -> None:
        super().__init__(Vectors(input_size), hidden_size)
        self.noise = noise
        self.input = Linear(input_size, inputs * hidden_size)
        self.recurrent = nn.Linear(hidden_size, products * hidden_size, bias=False)
        for parameter in self.parameters():
            uniform_(parameter, hidden_size)
        recurrent_(self.recurrent.weight, initialization)
        self.recurrent_weights = {"recurrent.weight": products}

    @abstractmethod
    def _gates(self) -> Any:
        """The same as ``step`` between ``_product`` and ``_after``, from ``statewise.ops.gates``."""

    def _driven(self, x: Tensor, state: CellState) -> Tensor:
        """What gates take of ``x (T, B, D)`` that does not look at h and c: ``(T, B, G, H)``; noise is of all steps."""
        return self.input(x).unflatten(-1, (-1, self.output_size))

    def initial_state(self, batch_size: int) -> CellState:
        leaves = [self.zeros(batch_size, self.output_size) for _ in self.state_type._fields[:-1]]
        if not self.noise.anywhere:
            return self.state_type(*leaves, ())
        seed = self.noise_seeds(batch_size)
        return self.state_type(*leaves, NoiseState(seed, torch.zeros_like(seed)))

    def _product(self, state: CellState) -> Tensor:
        """u_t ``(B, R H)``."""
        mask = self._mask(state)
        return self.recurrent(state.h if mask is None else mask * state.h)

    def _after(self, state: CellState, *new: Tensor) -> tuple[Tensor, CellState]:
        """Output and state of a step, from the state before it and the new h' or h' and c'."""
        if self._zones_out:
            shares = self._shares(state)
            new = tuple(value + k * (old - value) for value, old, k in zip(new, state[:-1], shares, strict=True))
        after = self.state_type(*new, state.noise and state.noise.later(1))
        return after.h, after

    def stepper(self, state: Any) -> Stepper:
        if self.training and self.noise.anywhere:
            return super().stepper(state)
        return recurrence_stepper(self, state, self._in_place)

    def _in_place(self, state: CellState) -> Stepping:
        """A stream without noise that is drawn."""
        inputs, feed = self._feed()
        hold: holds.Moving | holds.CountedShares = holds.MOVING
        if state.noise:
            rates = state.h.new_tensor(self._rates).unsqueeze(1).expand(-1, self.output_size)
            hold = holds.CountedShares(rates, *state.noise)
        weight = self.recurrent.weight
        return dense_stepping(self._gates(), inputs, weight, None, state.h, state[1:-1], feed=feed, hold=hold)

    def _feed(self) -> tuple[tuple[Tensor, Tensor], Any]:
        """Weight and bias of the product with x_t, and from ``statewise.ops.streams.feeds`` what becomes of it."""
        return (self.input.weight, self.input.bias), feeds.PLAIN

    def _segments(self, x: Tensor, state: CellState, segments: Segments | None) -> tuple[Tensor, CellState]:
        if segments is not None and self._mask(state) is not None:
            return super()._segments(x, state, segments)
        h, throughout, noise = state.h, state, ()
        if state.noise:
            drawn, noise = state.noise.throughout(x.shape[1], segments, self.noise_seeds)
            throughout = state._replace(noise=drawn)
        memory = torch.stack(state[1:-1], dim=1) if state[1:-1] else h.new_empty(h.shape[0], 0, h.shape[1])
        y, memory = dense_recurrence(
            self._gates(),
            self._driven(x.transpose(0, 1), throughout),
            self.recurrent.weight,
            None,
            h,
            memory,
            keep=self._all_shares(throughout),
            mask=self._mask(state),
            segments=segments,
        )
        after = self.state_type(y[-1].clone(), *memory.unbind(1), noise)
        return y.transpose(0, 1), after

    @property
    def _rates(self) -> tuple[float, ...]:
        """Of zoneout, for each leaf of the state."""
        return (self.noise.zoneout, self.noise.zoneout_memory)[: len(self.state_type._fields) - 1]

    @property
    def _zones_out(self) -> bool:
        return any(self._rates)

    def _mask(self, state: CellState) -> Tensor | None:
        """d ``(B, H)``; ``None`` for ones."""
        if not (self.training and self.noise.variational_dropout and state.noise):
            return None
        return variational_mask(self.noise.variational_dropout, self.output_size, state.noise, state.h.dtype)

    def _shares(self, state: CellState) -> tuple[float, ...] | tuple[Tensor, ...]:
        """k at the step to come, of h, or of h and c."""
        if not (self.training and state.noise):
            return self._rates
        drawn = kept_shares(self._rates, self.output_size, state.noise, state.h.dtype)
        return drawn.unbind(1)

    def _all_shares(self, state: CellState) -> Tensor | None:
        """k at all steps to come, whose noise the state holds, as ``dense_recurrence`` takes it; ``None`` for zeros."""
        if not self._zones_out:
            return None
        width = self.output_size
        if not (self.training and state.noise):
            return state.h.new_tensor(self._rates).view(1, 1, -1, 1).expand(-1, -1, -1, width)
        drawn = kept_shares(self._rates, width, state.noise, state.h.dtype)
        return drawn.transpose(0, 1)
