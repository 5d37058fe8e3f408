"""RNN with skips across time: it looks at the step before and at one k steps back.

Zhang, Wu, Che, Lin, Memisevic, Salakhutdinov & Bengio 2016, "Architectural complexity measures of recurrent neural
networks", section 3.3 (recurrent skip coefficient k), after the NARX networks of Lin, Horne, Tino & Giles 1996:

    h_t = tanh(W x_t + b + U h_{t-1} + V h_{t-k}),  y_t = h_t

Gradients pass k steps at a time. Steps before the first are zero. The Skip RNN of Campos et al. 2018, which learns the
updates that it leaves out, is another model.
"""

from collections.abc import Sequence
from types import MappingProxyType
from typing import NamedTuple

import torch
from torch import Tensor, nn

from statewise.contract import Segments, SequenceLayer, Stepper, Vectors
from statewise.contract.segments import append
from statewise.init.matrices import Recurrent, recurrent_, uniform_
from statewise.layers.in_place_stepper import in_place_stepper
from statewise.modules.linear import Linear
from statewise.ops.dense_recurrence import dense_recurrence
from statewise.ops.gates.rnn import TanhGates
from statewise.ops.in_place import InPlace, held


class SkipRNNState(NamedTuple):
    """What an RNN with skips carries."""

    past: Tensor
    """(B, k, H): the last k outputs, the oldest first"""


class SkipRNN(SequenceLayer):
    """h_t = tanh(W x_t + b + U h_{t-1} + V h_{t-k}).

    Args:
        input_size: D.
        hidden_size: H, width of the output.
        skip: k, at least 2.
        initialization: U and V at the start.

    Raises:
        ValueError: if the skip is below 2 or the initialisation unknown.

    >>> y, state = SkipRNN(input_size=3, hidden_size=4, skip=5)(torch.randn(2, 7, 3))
    >>> y.shape, state.past.shape
    (torch.Size([2, 7, 4]), torch.Size([2, 5, 4]))
    """

    recurrent_weights = MappingProxyType({"recurrent.weight": 1, "across.weight": 1})

    def __init__(
        self, *, input_size: int, hidden_size: int, skip: int = 8, initialization: Recurrent = "orthogonal"
    ) -> None:
        if skip < 2:
            raise ValueError(f"a skip must span at least 2 steps, got {skip}; 1 is a plain RNN")
        super().__init__(Vectors(input_size), hidden_size)
        self.skip = skip
        self.input = Linear(input_size, hidden_size)
        self.recurrent = nn.Linear(hidden_size, hidden_size, bias=False)
        self.across = nn.Linear(hidden_size, hidden_size, bias=False)
        for parameter in self.input.parameters():
            uniform_(parameter, hidden_size)
        for product in (self.recurrent, self.across):
            recurrent_(product.weight, initialization)

    def initial_state(self, batch_size: int) -> SkipRNNState:
        return SkipRNNState(self.zeros(batch_size, self.skip, self.output_size))

    def step(self, x: Tensor, state: SkipRNNState) -> tuple[Tensor, SkipRNNState]:
        past = state.past
        h = (self.input(x) + self.recurrent(past[:, -1]) + self.across(past[:, 0])).tanh()
        return h, SkipRNNState(torch.cat([past[:, 1:], h.to(past.dtype).unsqueeze(1)], dim=1))

    def stepper(self, state: SkipRNNState) -> Stepper:
        return in_place_stepper(self, state, self._in_place)

    def _in_place(self, stream: InPlace, state: SkipRNNState) -> None:
        past = held(state.past)
        driven = stream.affine(stream.x, self.input.weight, self.input.bias)
        stream.add_product(past[:, -1], self.recurrent.weight, driven)
        stream.add_product(past[:, 0], self.across.weight, driven)
        h = stream.tanh(driven)
        stream.push(h, past)
        stream.ready(h, lambda: [past])

    def _segments(self, x: Tensor, state: SkipRNNState, segments: Segments | None) -> tuple[Tensor, SkipRNNState]:
        """k steps at a time, time first: what they see across is known by then."""
        driven = self.input(x.transpose(0, 1)).split(self.skip)
        nowhere: Sequence[Tensor | None] = [None] * len(driven)
        anew, unseen = nowhere, nowhere
        if segments is not None:
            anew, unseen = segments.by_step.split(self.skip), self._unseen(segments)
        before, outputs = state.past.transpose(0, 1), []
        for steps, resets, hidden in zip(driven, anew, unseen, strict=True):
            across, h = before[: len(steps)], before[-1]
            if hidden is not None:
                across = across.flatten(0, 1).index_fill(0, hidden, 0).view_as(across)
            driven_by_both = steps + self.across(across)
            before, _ = dense_recurrence(
                TanhGates(), driven_by_both.unsqueeze(2), self.recurrent.weight, None, h,
                h.new_empty(len(h), 0, h.shape[1]), segments=resets,
            )  # fmt: skip
            outputs.append(before)
        y = torch.cat(outputs).transpose(0, 1)
        return y, SkipRNNState(append(state.past, y, segments))

    def _unseen(self, segments: Segments) -> Sequence[Tensor | None]:
        """Of every k steps the rows, step by step, that began inside the k steps before and see nothing across."""
        origins, together = segments.origins, self.skip * segments.batch
        steps = torch.arange(segments.time, device=origins.device)
        numbers = ((origins > 0) & (steps - origins < self.skip)).t().flatten().nonzero().squeeze(1)
        begun = torch.arange(1, -(-segments.time // self.skip), device=origins.device) * together
        bounds = torch.searchsorted(numbers, begun)
        return [part if len(part) else None for part in (numbers % together).tensor_split(bounds.tolist())]
