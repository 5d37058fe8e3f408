"""What an operation says whose derivative was written by hand, and only the first."""

import torch


def refuse_second_derivative(name: str) -> None:
    """To be called in the ``backward`` of a custom operation: raise if what it computes is to be differentiated again.

    ``torch.autograd.function.once_differentiable`` does not see to that: where the cotangents are constants, as for
    every sum, it lets ``create_graph=True`` pass and the second derivative comes out without the operation's part.

    Raises:
        RuntimeError: if the caller asked for ``create_graph=True``.
    """
    if torch.is_grad_enabled():
        raise RuntimeError(f"{name} can be differentiated only once; do not ask for create_graph=True")
