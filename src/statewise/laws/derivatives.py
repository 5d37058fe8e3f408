"""Whether gradients reach every parameter and are right: what the laws of all kinds of layers ask."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.autograd.gradcheck import GradcheckError, gradcheck
from torch.utils import _pytree as pytree

from statewise import tree
from statewise.laws.broken import Fault, at


def demand_reached(module: nn.Module, total: Tensor) -> None:
    """Raise ``Fault`` unless ``total`` has a gradient, finite and not zero, in every trained parameter."""
    trained = {name: p for name, p in module.named_parameters() if p.requires_grad}
    if not trained:
        return
    if not total.requires_grad:
        raise Fault("no parameter is reached: the output is cut from the graph")
    found = torch.autograd.grad(total, list(trained.values()), allow_unused=True)
    for name, gradient in zip(trained, found, strict=True):
        if gradient is None or not bool((gradient != 0).any()):
            raise Fault(f"parameter '{name}' is never reached: its gradient is zero")
        if not bool(gradient.isfinite().all()):
            raise Fault(f"the gradient of parameter '{name}' is not finite")


def demand_derivative(name: str, function: Callable[[Tensor], Tensor], leaf: Tensor) -> None:
    """Raise ``Fault`` unless the derivative of ``function`` at ``leaf`` is what central differences say."""
    free = leaf.detach().clone().requires_grad_()
    try:
        gradcheck(function, (free,), fast_mode=True, atol=1e-6, rtol=1e-4)
    except GradcheckError as error:
        found = str(error).split("\n\n")[0]
        raise Fault(f"the derivative in {name} is not what differences say: {found}") from error


def with_leaves(place: str, branch: tree.State, leaves: dict[str, Tensor]) -> tree.State:
    """The tree ``branch``, called ``place``, with those of its leaves that ``leaves`` names in their place."""
    _, spec = pytree.tree_flatten(branch)
    return pytree.tree_unflatten([leaves.get(at(place, path), leaf) for path, leaf in tree.named_leaves(branch)], spec)
