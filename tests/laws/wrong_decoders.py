"""Decoders that are wrong on purpose. ``RightDecoder`` is right."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from statewise.contract import Decoder, Vectors


class Looking(NamedTuple):
    memory: Tensor
    keys: Tensor
    lengths: Tensor
    h: Tensor


class RightDecoder(Decoder):
    """h_t = tanh(W x_t + a * h_{t-1} + the mean of the source weighted by how well its keys fit h_{t-1})."""

    def __init__(self) -> None:
        super().__init__(Vectors(3), output_size=4, memory_size=4)
        generator = torch.Generator().manual_seed(0)
        self.weight = nn.Parameter(torch.randn(4, 3, generator=generator))
        self.keep = nn.Parameter(torch.rand(4, generator=generator))
        self.key = nn.Parameter(torch.randn(4, 4, generator=generator))

    def _start(self, memory: Tensor, lengths: Tensor) -> Looking:
        return Looking(memory, self.keys(memory), lengths, memory.new_zeros(len(memory), 4))

    def step(self, x: Tensor, state: Looking) -> tuple[Tensor, Looking]:
        fits = (state.keys @ state.h.to(state.keys.dtype).unsqueeze(2)).squeeze(2)
        context = (self.weights(fits, state).unsqueeze(1) @ state.memory).squeeze(1)
        h = (x @ self.weight.T + self.keep * state.h + context).tanh()
        return h, state._replace(h=h)

    def keys(self, memory: Tensor) -> Tensor:
        return (memory @ self.key.T).tanh()

    def weights(self, fits: Tensor, state: Looking) -> Tensor:
        return fits.sigmoid() * within(state) / state.lengths.clamp(min=1).unsqueeze(1)


def within(state: Looking) -> Tensor:
    return (torch.arange(state.memory.shape[1]) < state.lengths.unsqueeze(1)).to(state.memory.dtype)


class SoftmaxOverNothing(RightDecoder):
    """-inf everywhere has no softmax."""

    def weights(self, fits: Tensor, state: Looking) -> Tensor:
        return fits.masked_fill(within(state) == 0, -torch.inf).softmax(dim=1)


class DividedByNothing(RightDecoder):
    """The outputs are mended, their gradients are not: 0 * NaN."""

    def weights(self, fits: Tensor, state: Looking) -> Tensor:
        weights = fits.exp() * within(state)
        total = weights.sum(dim=1, keepdim=True)
        return torch.where(total > 0, weights / total, 0.0)


class LooksAtThePadding(RightDecoder):
    def weights(self, fits: Tensor, state: Looking) -> Tensor:
        return fits.softmax(dim=1) if fits.shape[1] else fits


class MeanWithThePadding(RightDecoder):
    def weights(self, fits: Tensor, state: Looking) -> Tensor:
        return fits.sigmoid() * within(state) / max(1, fits.shape[1])


class KeysCentredOverTheBatch(RightDecoder):
    def keys(self, memory: Tensor) -> Tensor:
        return super().keys(memory - memory.mean((0, 1), keepdim=True)) if memory.shape[1] else memory


class SourceOnTheModule(RightDecoder):
    """Encoder outputs as an attribute: a second source replaces the first."""

    def _start(self, memory: Tensor, lengths: Tensor) -> Looking:
        state = super()._start(memory, lengths)
        if memory.shape[1]:
            self.source = memory
        return state

    def step(self, x: Tensor, state: Looking) -> tuple[Tensor, Looking]:
        return super().step(x + self.source.mean(), state)


class SourceFirst(RightDecoder):
    """(S, B, D), as torch.nn's decoders have it by default."""

    def _start(self, memory: Tensor, lengths: Tensor) -> Looking:
        state = super()._start(memory, lengths)
        return state._replace(keys=state.keys.transpose(0, 1))

    def step(self, x: Tensor, state: Looking) -> tuple[Tensor, Looking]:
        y, after = super().step(x, state._replace(keys=state.keys.transpose(0, 1)))
        return y, after._replace(keys=state.keys)


class PlaceForTheEnd(RightDecoder):
    """A place behind the source, so that an axis as long as the source is not empty without one."""

    def _start(self, memory: Tensor, lengths: Tensor) -> Looking:
        return super()._start(nn.functional.pad(memory, (0, 0, 0, 1)), lengths)


class PaddingIsMarked(RightDecoder):
    """``lengths (B, S)`` marks the padding, as torch.nn has it, not the source: what was not there is looked at."""

    def _start(self, memory: Tensor, lengths: Tensor) -> Looking:
        beyond = torch.arange(memory.shape[1]) >= lengths.unsqueeze(1)
        return super()._start(memory, beyond.to(torch.int64))

    def step(self, x: Tensor, state: Looking) -> tuple[Tensor, Looking]:
        y, after = super().step(x, state._replace(memory=state.memory.cos()))
        return y, after._replace(memory=state.memory)

    def weights(self, fits: Tensor, state: Looking) -> Tensor:
        source = 1 - state.lengths
        return fits.sigmoid() * source / source.sum(1, keepdim=True).clamp(min=1)


class SourceForgotten(RightDecoder):
    def weights(self, fits: Tensor, state: Looking) -> Tensor:
        return torch.zeros_like(fits)


class KeysCut(RightDecoder):
    def keys(self, memory: Tensor) -> Tensor:
        return super().keys(memory).detach()


class SourceCut(RightDecoder):
    """Attention trains, what it reads does not."""

    def _start(self, memory: Tensor, lengths: Tensor) -> Looking:
        state = super()._start(memory, lengths)
        return state._replace(memory=memory.detach())


class RowsCentred(RightDecoder):
    def step(self, x: Tensor, state: Looking) -> tuple[Tensor, Looking]:
        y, after = super().step(x, state)
        return y, after._replace(h=after.h - after.h.mean(0))


class ChunksForgetWhatWasSaid(RightDecoder):
    """An ordinary fault of a recurrent layer, found by the laws of sequences."""

    def _sequence(self, x: Tensor, state: Looking) -> tuple[Tensor, Looking]:
        return super()._sequence(x, state._replace(h=torch.zeros_like(state.h)))
