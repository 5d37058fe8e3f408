"""A stack that knows its blocks, so that the first of them can be run alone."""

from collections.abc import Sequence
from itertools import accumulate, chain

from torch import Tensor, nn

from statewise.combine.pointwise import Pointwise
from statewise.combine.stack import Stack
from statewise.contract import Input, Segments, SequenceLayer
from statewise.tree import State


class Blocks(Stack):
    """Blocks of layers one after the other, and what follows them all; as a layer it is the ``Stack`` of all of these.

    Args:
        blocks: the layers of each block, in order.
        end: what stands after the last block, a norm for one.

    Raises:
        ValueError: if there are no layers or the width of one does not fit the next.
    """

    def __init__(self, blocks: Sequence[Sequence[SequenceLayer]], end: Sequence[SequenceLayer] = ()) -> None:
        super().__init__([*chain.from_iterable(blocks), *end])
        self.ends = tuple(accumulate(len(block) for block in blocks))
        """How many layers there are up to the end of each block"""

    @property
    def depth(self) -> int:
        """How many blocks."""
        return len(self.ends)

    def block(self, number: int) -> list[SequenceLayer]:
        """The layers of one block, counted from 0."""
        return self.members()[self.ends[number - 1] if number else 0 : self.ends[number]]

    def first(self, blocks: int) -> "FirstBlocks":
        """The first blocks and the end as one layer, which shares the parameters and the form of the state.

        Raises:
            ValueError: if there are not so many blocks, or they put out more than the last one, which the end reads.
        """
        if not 1 <= blocks <= self.depth:
            raise ValueError(f"there are {self.depth} blocks, so the first {blocks} cannot be run")
        return FirstBlocks(self, blocks)


class FirstBlocks(SequenceLayer):
    """y = end(block_k(... block_1(x))), of more blocks than k; the states of the others pass through as they are.

    Where later blocks are wider, as dense ones are by what they put beside, zeros stand for what they would add. So a
    state that was carried while some blocks ran is one that all of them can go on from: a block that comes in
    later begins with an empty memory.

    >>> import torch
    >>> from statewise.layers.recurrent.lstm import LSTM
    >>> low, high = LSTM(input_size=3, hidden_size=4), LSTM(input_size=4, hidden_size=4)
    >>> x = torch.randn(2, 7, 3)
    >>> y, (below, above) = Blocks([[low], [high]]).first(1)(x)
    >>> torch.equal(y, low(x)[0]), bool((above.h == 0).all())
    (True, True)
    """

    def __init__(self, whole: Blocks, blocks: int) -> None:
        members, below = whole.members(), whole.ends[blocks - 1]
        end = range(whole.ends[-1], len(members))
        narrow, wide = (members[layers - 1].output_size for layers in (below, whole.ends[-1]))
        widening = [_padded_with_zeros(narrow, wide)] if narrow < wide else []
        self.places = (*range(below), *(None for _ in widening), *end)
        """Of the layers that run, among all; ``None`` of one that is not among them"""
        stack = Stack([*members[:below], *widening, *(members[place] for place in end)])
        super().__init__(stack.input_form, stack.output_size)
        self.stack = stack
        self.reads_time = stack.reads_time
        self._state_of_all = whole.initial_state

    def initial_state(self, batch_size: int) -> State:
        return self._state_of_all(batch_size)

    def step(self, x: Input, state: State) -> tuple[Tensor, State]:
        y, after = self.stack.step(x, self._running(state))
        return y, self._among_all(state, after)

    def _segments(self, x: Input, state: State, segments: Segments | None) -> tuple[Tensor, State]:
        y, after = self.stack(x, self._running(state), reset=segments)
        if segments is not None:
            state = self._emptied(state, segments.last > 0)
        return y, self._among_all(state, after)

    def _running(self, state: State) -> State:
        return tuple(() if place is None else state[place] for place in self.places)

    def _among_all(self, state: State, after: State) -> State:
        """The state of all layers, with that of those that ran."""
        new = dict(zip(self.places, after, strict=True))
        return tuple(new.get(place, inner) for place, inner in enumerate(state))


def _padded_with_zeros(narrow: int, wide: int) -> SequenceLayer:
    return Pointwise(nn.ConstantPad1d((0, wide - narrow), 0.0), input_size=narrow, output_size=wide)
