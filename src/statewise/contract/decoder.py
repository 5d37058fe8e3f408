"""The contract of what steps through one sequence while it looks at another: the decoder's side of encoder-decoder."""

from abc import abstractmethod
from typing import final

import torch
from torch import Tensor

from statewise.autocast import unrounded
from statewise.contract.encoder import check_lengths
from statewise.contract.inputs import InputForm
from statewise.contract.sequence import SequenceLayer
from statewise.tree import State


class Decoder(SequenceLayer):
    """A sequence layer whose state holds an encoded source: ``state = decoder.start(memory, lengths)``.

    From there it is an ordinary layer: ``forward``, ``step``, chunks, generation. Write ``_start`` and ``step``. The
    source stands in the state alone, so that rows can be dropped, repeated (beams) and kept like those of any state.
    ``initial_state`` is a start on an empty source: there, an axis as long as the source is empty. As states are batch
    first, so is the source.

    Args:
        input_form: what the decoder reads.
        output_size: width of its output.
        memory_size: D_m, width of the encoded source.

    >>> from statewise.contract import Decoder, Vectors
    >>> class FromTheSum(Decoder):
    ...     '''h_t = h_{t-1} + x_t, h_0 the sum of the source'''
    ...     def __init__(self, *, size: int):
    ...         super().__init__(Vectors(size), output_size=size, memory_size=size)
    ...     def _start(self, memory, lengths):
    ...         return memory.sum(dim=1)
    ...     def step(self, x, state):
    ...         return state + x, state + x
    >>> decoder = FromTheSum(size=1)
    >>> y, state = decoder(torch.ones(1, 2, 1), decoder.start(torch.full((1, 4, 1), 10.0), torch.tensor([3])))
    >>> y.flatten()
    tensor([31., 32.])
    """

    def __init__(self, input_form: InputForm, output_size: int, memory_size: int) -> None:
        super().__init__(input_form, output_size)
        self.memory_size = memory_size

    @abstractmethod
    def _start(self, memory: Tensor, lengths: Tensor) -> State:
        """The state before the first step; ``memory (B, S, D_m)`` is zero beyond a row's length, which may be 0.

        S may be 0 too, and an axis that grows with S has to be 0 then.
        """

    @final
    def start(self, memory: Tensor, lengths: Tensor | None = None) -> State:
        """The state before the first step on an encoded source.

        Args:
            memory: ``(B, S, D_m)``, right-padded, as an ``EncoderLayer`` puts it out; what stands in the padding does
                not matter. S may be 0.
            lengths: ``(B,)`` absolute integers between 0 and S; ``None`` means that every source is full.

        Returns:
            A state in the dtype of the layer, whatever that of ``memory``.

        Raises:
            ValueError: if the memory or the lengths have another form, or the decoder keeps an axis that grows with
                the source and is not empty where the source is.
        """
        if memory.dim() != 3 or memory.shape[2] != self.memory_size:
            raise ValueError(
                f"{type(self).__name__} reads a source (B, S, {self.memory_size}), got shape {tuple(memory.shape)}"
            )
        batch, source = memory.shape[:2]
        if lengths is None:
            lengths = torch.full((batch,), source, dtype=torch.int64, device=memory.device)
        check_lengths(lengths, batch, source)
        valid = torch.arange(source, device=memory.device) < lengths.unsqueeze(1)
        memory = torch.where(valid.unsqueeze(2), memory, torch.zeros_like(memory)).to(self.zeros(0).dtype)
        state = self._started(memory, lengths.to(torch.int64))
        misfit = self._state_misfit(state, batch)
        if misfit is not None:
            raise ValueError(
                f"{type(self).__name__} starts on a source of {source} steps with another state than on none: "
                f"{misfit}; batch is axis 0, and an axis that grows with the source must be empty where the source is"
            )
        return state

    def initial_state(self, batch_size: int) -> State:
        memory = self.zeros(batch_size, 0, self.memory_size)
        return self._started(memory, torch.zeros(batch_size, dtype=torch.int64, device=memory.device))

    def _started(self, memory: Tensor, lengths: Tensor) -> State:
        """A start in the layer's own precision, so that the state has the same dtypes with and without autocast."""
        with unrounded(memory):
            return self._start(memory, lengths)
