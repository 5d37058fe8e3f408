"""Derivatives are right, and every parameter is reached."""

from functools import partial

import torch
from torch import Tensor
from torch.autograd.gradcheck import GradcheckError, gradcheck

from statewise import tree
from statewise.contract import slice_time
from statewise.laws.broken import LawBroken, at
from statewise.laws.subject import Subject, floating

STEPS = 3
"""Time steps of the differentiated sequence: a numerical derivative costs two runs."""

Leaves = dict[str, Tensor]


def gradients(subject: Subject) -> None:
    """Derivatives in every parameter and every floating leaf of input and state equal central differences.

    Each is taken along random directions, from warm states; and every parameter is reached.
    """
    _every_parameter_is_reached(subject)
    leaves = _leaves(subject)
    for name, leaf in leaves.items():
        try:
            gradcheck(partial(_total_with, subject, leaves, name), (leaf,), fast_mode=True, atol=1e-6, rtol=1e-4)
        except GradcheckError as error:
            found = str(error).split("\n\n")[0]
            raise LawBroken("gradients", f"the derivative in {name} is not what differences say: {found}") from error


def _every_parameter_is_reached(subject: Subject) -> None:
    trained = {name: p for name, p in subject.layer.named_parameters() if p.requires_grad}
    if not trained:
        return
    y, _ = subject.layer(subject.x, None)
    warm, _ = subject.layer(subject.x, subject.state)
    total = y.square().sum() + warm.square().sum()
    if not total.requires_grad:
        raise LawBroken("gradients", "no parameter is reached: the output is cut from the graph")
    found = torch.autograd.grad(total, list(trained.values()), allow_unused=True)
    for name, gradient in zip(trained, found, strict=True):
        if gradient is None or not bool((gradient != 0).any()):
            raise LawBroken("gradients", f"parameter '{name}' is never reached: its gradient is zero")
        if not bool(gradient.isfinite().all()):
            raise LawBroken("gradients", f"the gradient of parameter '{name}' is not finite")


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
    x = _filled("the input", slice_time(subject.x, 0, STEPS), leaves)
    state = _filled("the state", subject.state, leaves)
    y, final = torch.func.functional_call(subject.layer, parameters, (x, state))
    generator = torch.Generator().manual_seed(subject.seed)
    results = [leaf for leaf in (y, *tree.leaves(final)) if floating(leaf)]
    return torch.stack(
        [(leaf * torch.randn(leaf.shape, generator=generator, dtype=leaf.dtype)).sum() for leaf in results]
    ).sum()


def _filled(kind: str, branch: tree.State, leaves: Leaves) -> tree.State:
    """``branch`` with its floating leaves taken from ``leaves``."""
    _, spec = torch.utils._pytree.tree_flatten(branch)
    chosen = [leaves.get(at(kind, path), leaf) for path, leaf in tree.named_leaves(branch)]
    return torch.utils._pytree.tree_unflatten(chosen, spec)


def _total_with(subject: Subject, leaves: Leaves, name: str, leaf: Tensor) -> Tensor:
    """``_total`` as a function of one leaf."""
    return _total(subject, {**leaves, name: leaf})
