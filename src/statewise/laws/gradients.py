"""Derivatives are right, and every parameter is reached."""

from functools import partial

import torch
from torch import Tensor

from statewise import tree
from statewise.contract import slice_time
from statewise.laws.broken import at
from statewise.laws.derivatives import demand_derivative, demand_reached, with_leaves
from statewise.laws.subject import Subject, floating

STEPS = 3
"""Time steps of the differentiated sequence: a numerical derivative costs two runs."""

Leaves = dict[str, Tensor]


def gradients(subject: Subject) -> None:
    """Derivatives in every parameter and every floating leaf of input and state equal central differences.

    Each is taken along random directions, from warm states; and every parameter is reached.
    """
    y, _ = subject.layer(subject.x, None)
    warm, _ = subject.layer(subject.x, subject.state)
    demand_reached(subject.layer, y.square().sum() + warm.square().sum())
    leaves = _leaves(subject)
    for name, leaf in leaves.items():
        demand_derivative(name, partial(_total_with, subject, leaves, name), leaf)


def _leaves(subject: Subject) -> Leaves:
    """Everything the outputs can be differentiated in, by name."""
    parameters = {f"parameter '{name}'": p for name, p in subject.layer.named_parameters() if p.requires_grad}
    inputs = {at("the input", path): leaf for path, leaf in tree.named_leaves(slice_time(subject.x, 0, STEPS))}
    states = {at("the state", path): leaf for path, leaf in tree.named_leaves(subject.state)}
    everything = {**parameters, **inputs, **states}
    return {name: leaf.detach().clone().requires_grad_() for name, leaf in everything.items() if floating(leaf)}


def _total(subject: Subject, leaves: Leaves) -> Tensor:
    """Outputs and final state under fixed random cotangents, as a function of ``leaves``."""
    parameters = {name: leaves.get(f"parameter '{name}'", p) for name, p in subject.layer.named_parameters()}
    x = with_leaves("the input", slice_time(subject.x, 0, STEPS), leaves)
    state = with_leaves("the state", subject.state, leaves)
    y, final = torch.func.functional_call(subject.layer, parameters, (x, state))
    generator = torch.Generator().manual_seed(subject.seed)
    results = [leaf for leaf in (y, *tree.leaves(final)) if floating(leaf)]
    return torch.stack(
        [(leaf * torch.randn(leaf.shape, generator=generator, dtype=leaf.dtype)).sum() for leaf in results]
    ).sum()


def _total_with(subject: Subject, leaves: Leaves, name: str, leaf: Tensor) -> Tensor:
    """``_total`` as a function of one leaf."""
    return _total(subject, {**leaves, name: leaf})
