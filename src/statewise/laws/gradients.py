"""Derivatives are right, and every parameter is reached."""

import torch
from torch import Tensor

from statewise import tree
from statewise.contract import slice_time
from statewise.laws.broken import LawBroken, at
from statewise.laws.subject import Subject, floating

STEPS = 3
"""Time steps of the differentiated sequence: a numerical derivative costs two runs."""
NUDGE = 1e-6
"""How far a leaf is moved either way"""

Leaves = dict[str, Tensor]


def gradients(subject: Subject) -> None:
    """Derivatives in every parameter and every floating leaf of input and state equal central differences.

    Each is taken along one random direction, from warm states; and every parameter is reached.
    """
    _every_parameter_is_reached(subject)
    leaves = _leaves(subject)
    total = _total(subject, leaves)
    found: tuple[Tensor | None, ...] = (None,) * len(leaves)
    if total.requires_grad:
        found = torch.autograd.grad(total, list(leaves.values()), allow_unused=True)
    generator = torch.Generator().manual_seed(subject.seed + 11)
    for (name, leaf), gradient in zip(leaves.items(), found, strict=True):
        direction = torch.randn(leaf.shape, generator=generator, dtype=leaf.dtype)
        analytic = 0.0 if gradient is None else float((gradient * direction).sum())
        numeric = _central_difference(subject, leaves, name, direction)
        if not abs(analytic - numeric) <= 1e-6 + 1e-4 * abs(numeric):
            raise LawBroken(
                "gradients", f"the derivative in {name} is {analytic:.6g}, central differences say {numeric:.6g}"
            )


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


def _central_difference(subject: Subject, leaves: Leaves, name: str, direction: Tensor) -> float:
    with torch.no_grad():
        above = _total(subject, {**leaves, name: leaves[name] + NUDGE * direction})
        below = _total(subject, {**leaves, name: leaves[name] - NUDGE * direction})
    return float(above - below) / (2 * NUDGE)
