"""Counting weights, each kind apart."""

from typing import NamedTuple

import torch
from torch import nn

from statewise import tree
from statewise.contract import Model, SequenceLayer


class Parameters(NamedTuple):
    """How many numbers a model is made of."""

    body: int
    """Trained, between input side and readout"""
    fixed: int
    """Never trained and, in a buffer, not zero: a reservoir's weights, frozen layers"""
    embedding: int
    """Trained, of the input side"""
    readout: int
    """Trained, of the head"""

    @property
    def matched(self) -> int:
        """What a budget counts: everything that computes, trained or fixed, between input side and readout."""
        return self.body + self.fixed


def count_parameters(model: Model) -> Parameters:
    """Weights of a model.

    >>> from statewise.layers.recurrent.rnn import RNN
    >>> count_parameters(Model(RNN(input_size=3, hidden_size=4), nn.Linear(4, 2), output_size=2))
    Parameters(body=36, fixed=0, embedding=0, readout=10)
    """
    embedding = sum(_trained(side) for side in _input_side(model.body))
    frozen = sum(p.numel() for p in model.body.parameters() if not p.requires_grad)
    fixed = frozen + sum(int(torch.count_nonzero(b)) for b in model.body.buffers() if b.is_floating_point())
    return Parameters(_trained(model.body) - embedding, fixed, embedding, _trained(model.head))


def state_bytes(layer: SequenceLayer) -> int:
    """Bytes one row's state takes."""
    return tree.nbytes(_state_of_a_row(layer))


def _state_of_a_row(layer: SequenceLayer) -> tree.State:
    """The initial state; what it draws for its noise is drawn from nowhere else."""
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        return layer.initial_state(1)


def _input_side(body: SequenceLayer) -> list[SequenceLayer]:
    """The first layer of a stack, if it carries no state: then it embeds and does not remember."""
    layers = next(iter(body.children()), None)
    first = layers[0] if isinstance(layers, nn.ModuleList) else None
    embeds = isinstance(first, SequenceLayer) and not tree.leaves(_state_of_a_row(first))
    return [first] if isinstance(first, SequenceLayer) and embeds else []


def _trained(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters() if p.requires_grad)
