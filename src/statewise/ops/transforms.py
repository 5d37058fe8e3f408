"""Which of torch's transforms are at work: fused kernels know reverse mode, and not all of them the others or twice."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch._C._functorch import TransformType, get_interpreter_stack, peek_interpreter_stack
from torch.autograd import forward_ad


def has_tangents() -> bool:
    """Whether forward mode is at work: ``torch.func.jvp``, ``jacfwd``, ``hessian``, ``torch.autograd.forward_ad``."""
    if torch.compiler.is_compiling():
        return False
    return forward_ad._current_level >= 0 or TransformType.Jvp in _transforms()


def beyond_reverse_mode() -> bool:
    """Whether forward mode or ``torch.func.vmap`` is at work.

    >>> beyond_reverse_mode(), torch.func.vmap(lambda x: x + beyond_reverse_mode())(torch.zeros(2))
    (False, tensor([1., 1.]))
    """
    if torch.compiler.is_compiling():
        return False
    if forward_ad._current_level >= 0:
        return True
    stack = get_interpreter_stack()  # None but inside a transform, which costs nothing to see
    return stack is not None and any(layer.key() in (TransformType.Jvp, TransformType.Vmap) for layer in stack)


def transforming() -> bool:
    """Whether any transform of ``torch.func`` or forward mode is at work.

    >>> transforming(), torch.func.grad(lambda x: x * transforming())(torch.ones(()))
    (False, tensor(1.))
    """
    return not torch.compiler.is_compiling() and inside_transform()


def inside_transform() -> bool:
    """``transforming``, for whoever has asked already whether torch compiles.

    >>> inside_transform(), torch.func.grad(lambda x: x * inside_transform())(torch.ones(()))
    (False, tensor(1.))
    """
    return forward_ad._current_level >= 0 or peek_interpreter_stack() is not None


def gradients(y: Tensor, inputs: Sequence[Tensor], cotangent: Tensor) -> list[Tensor | None]:
    """Of each input, with gradients of its own; ``None`` for those of which none is asked.

    >>> x = torch.tensor(3.0, requires_grad=True)
    >>> gradients(x**2, [x, torch.tensor(1.0)], torch.tensor(1.0))
    [tensor(6., grad_fn=<MulBackward0>), None]
    """
    asked = [x for x in inputs if x.requires_grad]
    found = iter(torch.autograd.grad(y, asked, cotangent, create_graph=True))
    return [next(found) if x.requires_grad else None for x in inputs]


def refuse_further_derivatives(operation: str) -> None:
    """Called on the way back of a kernel that cannot be differentiated again or mapped over.

    Raises:
        RuntimeError: if that is what is asked for.
    """
    if torch.is_grad_enabled() or transforming():
        raise first_derivatives_alone(operation)


def first_derivatives_alone(operation: str) -> RuntimeError:
    """What is said where others are asked of a form that has none."""
    return RuntimeError(
        f"the fast forms of {operation} have first derivatives alone, of one loss at a time; for others, run "
        f'forward and backward inside `with statewise.ops.{operation}.FORMS.use("reference")`'
    )


def _transforms() -> set[TransformType]:
    return {interpreter.key() for interpreter in get_interpreter_stack() or ()}
