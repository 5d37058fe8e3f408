"""A second module of the same kind with other weights, and its weights through a file."""

import copy
import io
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

Module = TypeVar("Module", bound=nn.Module)


def with_other_weights(module: Module, seed: int) -> Module:
    """A copy with every parameter and floating buffer moved a little."""
    other = copy.deepcopy(module)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for tensor in (*other.parameters(), *other.buffers()):
            if tensor.is_floating_point():
                tensor.mul_(1 + 0.05 * torch.rand(tensor.shape, generator=generator, dtype=tensor.dtype))
    return other


def ways_to_speak(module: nn.Module, other: nn.Module, arguments: tuple[Any, ...]) -> dict[str, Any]:
    """What ``module``, and a copy of ``other``, say when each is given ``other``'s weights; by the way of giving."""
    loaded = copy.deepcopy(module)
    loaded.load_state_dict(through_file(other))
    return {
        "functional_call": torch.func.functional_call(module, everything(other), arguments),
        "deepcopy": copy.deepcopy(other)(*arguments),
        "state_dict": loaded(*arguments),
    }


def through_file(module: nn.Module) -> dict[str, Tensor]:
    """The module's ``state_dict`` as it comes back from a file."""
    file = io.BytesIO()
    torch.save(module.state_dict(), file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def everything(module: nn.Module) -> dict[str, Tensor]:
    """All parameters and buffers by name, as ``functional_call`` takes them."""
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}
