"""Law 7: derivatives are right, and every parameter is reached."""

from collections.abc import Callable

import torch
from torch import Tensor

from statewise import tree
from statewise.laws.broken import LawBroken
from statewise.laws.subject import Subject, chunk, floating

STEPS = 3
"""Time steps of the differentiated sequence: numerical derivatives cost a run each."""


def gradients(subject: Subject) -> None:
    """``gradcheck`` in input and floating state from warm states; every parameter reached."""
    _every_parameter_is_reached(subject)
    function, leaves = _as_function_of_leaves(subject)
    if not leaves:
        return
    try:
        torch.autograd.gradcheck(function, leaves, fast_mode=True, atol=1e-6, rtol=1e-4)
    except RuntimeError as error:
        raise LawBroken("gradients", f"gradcheck in input and state: {str(error).splitlines()[0]}") from error


def _every_parameter_is_reached(subject: Subject) -> None:
    parameters = dict(subject.layer.named_parameters())
    trained = {name: p for name, p in parameters.items() if p.requires_grad}
    if not trained:
        return
    y, _ = subject.layer(subject.x, None)
    warm, _ = subject.layer(subject.x, subject.state)
    total = y.square().sum() + warm.square().sum()
    found = torch.autograd.grad(total, list(trained.values()), allow_unused=True)
    for name, gradient in zip(trained, found, strict=True):
        if gradient is None or not bool((gradient != 0).any()):
            raise LawBroken("gradients", f"parameter '{name}' is never reached: its gradient is zero")
        if not bool(gradient.isfinite().all()):
            raise LawBroken("gradients", f"the gradient of parameter '{name}' is not finite")


def _as_function_of_leaves(subject: Subject) -> tuple[Callable[..., tuple[Tensor, ...]], tuple[Tensor, ...]]:
    """The layer as a function of the floating leaves of input and state, which is what ``gradcheck`` wants."""
    x = chunk(subject.x, 0, STEPS)
    everything, spec = torch.utils._pytree.tree_flatten((x, subject.state))
    places = [index for index, leaf in enumerate(everything) if floating(leaf)]

    def function(*leaves: Tensor) -> tuple[Tensor, ...]:
        filled = list(everything)
        for place, leaf in zip(places, leaves, strict=True):
            filled[place] = leaf
        values, state = torch.utils._pytree.tree_unflatten(filled, spec)
        y, final = subject.layer(values, state)
        return tuple(leaf for leaf in (y, *tree.leaves(final)) if floating(leaf) and leaf.requires_grad)

    return function, tuple(everything[place].detach().clone().requires_grad_() for place in places)
