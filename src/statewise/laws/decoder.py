"""The laws of decoders: what a source may change and what not; and how the laws of sequences are tried on them."""

import copy
from typing import Self

import torch
from torch import Tensor, nn

from statewise import tree
from statewise.contract import Decoder, Input, SequenceLayer, Vectors, example_input, example_values
from statewise.laws.broken import Fault, demand_equal, difference, naming
from statewise.laws.derivatives import demand_derivative, demand_reached
from statewise.laws.subject import (
    BATCH,
    FRESH,
    TIME,
    Subject,
    demand_batch_first,
    examined,
    floating,
    loop,
    ragged,
    rows,
)
from statewise.tree import State

SOURCE = 7
"""S, as long as the longest source"""
STEPS = 3
"""Time steps of the differentiated sequence"""


class OnOneSource(SequenceLayer):
    """A decoder as a layer whose rows all start on one and the same source."""

    source: Tensor
    """(S, D_m)"""

    def __init__(self, decoder: Decoder, source: Tensor) -> None:
        super().__init__(decoder.input_form, decoder.output_size)
        self.decoder = decoder
        self.reads_time = decoder.reads_time
        self.register_buffer("source", source)

    @classmethod
    def of_length(cls, decoder: Decoder, seed: int) -> Self:
        """``decoder`` on a random source of the usual length."""
        return cls(decoder, _memory(decoder, 1, seed)[0])

    def initial_state(self, batch_size: int) -> State:
        lengths = torch.full((batch_size,), len(self.source), device=self.source.device)
        return self.decoder._started(self.source.expand(batch_size, -1, -1), lengths)

    def step(self, x: Input, state: State) -> tuple[Tensor, State]:
        return self.decoder.step(x, state)

    def _sequence(self, x: Input, state: State) -> tuple[Tensor, State]:
        return self.decoder(x, state)


def prepare_decoder(decoder: Decoder, *, seed: int, training: bool) -> Subject:
    """A copy of ``decoder`` on a source, in a warm state whose rows look at ragged sources of their own."""
    studied = examined(decoder, seed=seed, training=training)
    layer = OnOneSource.of_length(studied, seed + 2)
    demand_batch_first(layer)
    with torch.no_grad():
        fresh = studied.start(_memory(studied, BATCH, seed), ragged(SOURCE))
        _, warm = loop(studied, example_input(studied, BATCH, TIME, seed=seed + 1), fresh)
        state = tree.where(FRESH, fresh, warm)
    kept = tree.map(lambda leaf: leaf.detach().clone(), state)
    return Subject(layer, example_input(studied, BATCH, TIME, seed=seed), kept, seed)


def with_sources(layer: SequenceLayer, seed: int) -> SequenceLayer:
    """``layer`` if it holds no decoder, else a copy of it with each on a source of its own that all rows share."""
    if not any(isinstance(module, Decoder) for module in layer.modules()):
        return layer
    layer = copy.deepcopy(layer)
    placed: dict[nn.Module, nn.Module] = {}
    for holder in list(layer.modules()):
        if isinstance(holder, Decoder):
            continue
        for name, module in list(holder.named_children()):
            if isinstance(module, Decoder):
                setattr(holder, name, placed.setdefault(module, OnOneSource.of_length(module, seed + 2 + len(placed))))
    return layer


def check_source(decoder: Decoder, seed: int) -> None:
    """Raise ``LawBroken`` at the first law of sources that ``decoder`` breaks."""
    studied = examined(decoder, seed=seed)
    memory, x = _memory(studied, BATCH, seed), example_input(studied, BATCH, STEPS, seed=seed)
    for name, law in SOURCE_LAWS.items():
        with naming(name):
            law(studied, memory, x)


def start_is_closed(decoder: Decoder, memory: Tensor, x: Input) -> None:
    """A start has the form of ``initial_state``, which it sees to itself; the memory is left; twice is the same."""
    kept = memory.clone()
    state = decoder.start(memory, ragged(SOURCE))
    demand_equal("the memory after a start", kept, memory)
    y, _ = decoder(x, state)
    decoder.start(_memory(decoder, 2, seed=9))
    demand_equal("the output after another start", y, decoder(x, state)[0])


def empty_source(decoder: Decoder, memory: Tensor, x: Input) -> None:
    """From an empty source, padded or not, outputs and their gradients are finite and those of ``initial_state``.

    So are they from an ``initial_state`` that was padded to stand beside rows with a source.
    """
    expected, _ = decoder(x)
    if not bool(expected.isfinite().all()):
        raise Fault("the output from initial_state is not finite")
    padded = memory.clone().requires_grad_()
    state = decoder.start(padded, torch.zeros(BATCH, dtype=torch.int64))
    y, _ = decoder(x, state)
    demand_equal("a source that is all padding: output", expected, y)
    beside, _ = decoder(x, tree.pad_like(decoder.initial_state(BATCH), state))
    demand_equal("initial_state padded to a source's length: output", expected, beside)
    for name, gradient in _gradients(decoder, padded, y).items():
        if not bool(gradient.isfinite().all()):
            raise Fault(f"the gradient of {name} is not finite")


def padding(decoder: Decoder, memory: Tensor, x: Input) -> None:
    """What stands in the padding of a source, and how much of it there is, changes nothing."""
    lengths = ragged(SOURCE)
    y, _ = decoder(x, decoder.start(memory, lengths))
    padded = (torch.arange(SOURCE) >= lengths.unsqueeze(1)).unsqueeze(2)
    for value in (1e6, float("nan")):
        other, _ = decoder(x, decoder.start(memory.masked_fill(padded, value), lengths))
        demand_equal(f"padding with {value}: output", y, other)
    longer, _ = decoder(x, decoder.start(torch.cat([memory, memory], dim=1), lengths))
    demand_equal("more padding: output", y, longer)


def source_rows(decoder: Decoder, memory: Tensor, x: Input) -> None:
    """A row gives the same beside other sources and alone with its own."""
    y, _ = decoder(x, decoder.start(memory, ragged(SOURCE)))
    for row, length in enumerate(ragged(SOURCE).tolist()):
        alone, _ = decoder(rows(x, torch.tensor([row])), decoder.start(memory[row : row + 1, :length]))
        demand_equal(f"row {row} alone with its source: output", y[row : row + 1], alone)


def source_is_read(decoder: Decoder, memory: Tensor, x: Input) -> None:
    """Another source of the same length gives other outputs."""
    y, _ = decoder(x, decoder.start(memory))
    other, _ = decoder(x, decoder.start(memory + 1))
    for row in range(BATCH):
        if difference(y[row].detach(), other[row].detach()) == 0:
            raise Fault(f"the output of row {row} does not depend on its source")


def source_gradients(decoder: Decoder, memory: Tensor, x: Input) -> None:
    """Every parameter is reached, those of ``start`` too, and derivatives in the source equal central differences."""
    lengths = ragged(SOURCE)
    demand_reached(decoder, decoder(x, decoder.start(memory, lengths))[0].square().sum())

    def output(source: Tensor) -> Tensor:
        return decoder(x, decoder.start(source, lengths))[0]

    demand_derivative("the source", output, memory)


SOURCE_LAWS = {
    "start": start_is_closed,
    "an empty source": empty_source,
    "padding changes nothing": padding,
    "batch = one by one": source_rows,
    "the source is read": source_is_read,
    "gradients": source_gradients,
}
"""Name of each law of sources -> the function that tries it"""


def _memory(decoder: Decoder, batch: int, seed: int) -> Tensor:
    return example_values(Vectors(decoder.memory_size), (batch, SOURCE), decoder, seed=seed)


def _gradients(decoder: Decoder, memory: Tensor, y: Tensor) -> dict[str, Tensor]:
    """The gradient of y's squared sum in every parameter and, if it wants one, in the source; zeros where none is."""
    leaves: dict[str, Tensor] = {f"parameter '{name}'": p for name, p in decoder.named_parameters() if p.requires_grad}
    if memory.requires_grad:
        leaves["the source"] = memory
    found = torch.autograd.grad(y.square().sum(), list(leaves.values()), allow_unused=True, materialize_grads=True)
    return {name: gradient for name, gradient in zip(leaves, found, strict=True) if floating(gradient)}
