"""Counting weights, each kind apart."""

from typing import NamedTuple

import torch
from torch import nn
from torch.nn.utils.parametrize import ParametrizationList

from statewise import tree
from statewise.contract import Model, SequenceLayer
from statewise.contract.reader import Reader, count_fixed


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
    frozen = sum(p.numel() for p in model.body.parameters() if not p.requires_grad)
    made = {part for m in model.body.modules() if isinstance(m, ParametrizationList) for part in m.modules()}
    own = [m for m in model.body.modules() if m not in made]  # what a parametrisation keeps beside are estimates
    fixed = sum(m.fixed_weights() if isinstance(m, Reader) else count_fixed(m) for m in own)
    embedding = 0 if model.embedding is None else _trained(model.embedding)
    return Parameters(_trained(model.body), frozen + fixed, embedding, _trained(model.head))


def state_bytes(layer: SequenceLayer) -> int:
    """Bytes one row's state takes."""
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        return tree.nbytes(layer.initial_state(1))


def _trained(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters() if p.requires_grad)
