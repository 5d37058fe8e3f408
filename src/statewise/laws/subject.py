"""What the laws are tried on: a layer in float64 with no parameter at zero, example inputs and a warm state."""

import copy
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from statewise import tree
from statewise.contract import Input, SequenceLayer, example_input
from statewise.laws.broken import Fault, at
from statewise.tree import State

Module = TypeVar("Module", bound=nn.Module)

BATCH = 5
TIME = 9
FRESH = torch.tensor([True, False, False, True, False])
"""Rows that stand at the beginning, beside warm ones"""


def ragged(longest: int) -> Tensor:
    """Lengths ``(BATCH,)``: the longest, a single step, none, and some between."""
    return torch.tensor((longest, 1, 0, 4, 6))


@dataclass(frozen=True)
class Subject:
    """A layer under examination, in float64; ``x`` is an input, ``state`` a warm one, rows 0 and 3 fresh beside it."""

    layer: SequenceLayer
    x: Input
    state: State
    seed: int

    def fresh_input(self, salt: int) -> Input:
        """Another input of the same form and shape."""
        return example_input(self.layer, BATCH, TIME, seed=self.seed + salt)


def prepare(layer: SequenceLayer, *, seed: int, training: bool) -> Subject:
    """A copy of ``layer`` ready for examination; the layer itself is left alone."""
    studied = examined(layer, seed=seed, training=training)
    x = example_input(studied, BATCH, TIME, seed=seed)
    return Subject(studied, x, warm_state(studied, seed), seed)


def examined(module: Module, *, seed: int, training: bool = False) -> Module:
    """A copy in float64 with no parameter constant; torch's generator is seeded for what is drawn next."""
    torch.manual_seed(seed)
    studied = copy.deepcopy(module).double().train(training)
    randomise_zeros(studied, seed)
    return studied


def randomise_zeros(module: nn.Module, seed: int) -> None:
    """Give every parameter that is constant small random values added, so that no path is dead by initialisation."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.is_floating_point() and parameter.numel() and bool((parameter == parameter.view(-1)[0]).all()):
                parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype))


def warm_state(layer: SequenceLayer, seed: int) -> State:
    """The state after some steps, cut from its graph; rows 0 and 3 are fresh."""
    demand_batch_first(layer)
    with torch.no_grad():
        fresh = layer.initial_state(BATCH)
        _, warm = loop(layer, example_input(layer, BATCH, TIME, seed=seed + 1), fresh)
        state = tree.where(FRESH, layer.initial_state(BATCH), warm)
    return tree.map(lambda leaf: leaf.detach().clone(), state)


def demand_batch_first(layer: SequenceLayer) -> None:
    """Raise ``Fault`` unless every leaf of the initial state has the batch on axis 0."""
    for batch in (1, 2, BATCH):
        for path, leaf in tree.named_leaves(layer.initial_state(batch)):
            if leaf.dim() == 0 or leaf.shape[0] != batch:
                where = at(f"initial_state({batch})", path)
                raise Fault(f"{where} has shape {tuple(leaf.shape)}: batch is not axis 0")


def loop(layer: SequenceLayer, x: Input, state: State) -> tuple[Tensor, State]:
    """The definition: the loop over ``step``, whatever ``_sequence`` the layer has."""
    return SequenceLayer._sequence(layer, x, state)


def rows(x: Any, index: Tensor) -> Any:
    """The rows of an input or a state."""
    return tree.take(x, index)


def floating(leaf: Tensor) -> bool:
    """Whether gradients can flow through this leaf."""
    return leaf.is_floating_point()
