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
    """Never trained and not zero: a reservoir's weights"""
    embedding: int
    """Trained, of the input side"""
    readout: int
    """Trained, of the head"""

    @property
    def matched(self) -> int:
        """What a budget counts: everything that computes, trained or fixed, between input side and readout."""
        return self.body + self.fixed


def count_parameters(model: Model) -> Parameters:
    """Weights of a model; its input side is the first layer of its body."""
    first = next(iter(model.body.children()))
    input_side = first[0] if isinstance(first, nn.ModuleList) else first
    embedding = _trained(input_side)
    fixed = sum(int(torch.count_nonzero(b)) for b in model.body.buffers() if b.is_floating_point())
    return Parameters(_trained(model.body) - embedding, fixed, embedding, _trained(model.head))


def state_bytes(layer: SequenceLayer) -> int:
    """Bytes one row's state takes."""
    with torch.no_grad():
        return tree.nbytes(layer.initial_state(1))


def _trained(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters() if p.requires_grad)
