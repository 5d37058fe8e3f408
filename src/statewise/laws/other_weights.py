"""A second module of the same kind with other weights, and its weights through a file."""

import copy
import io
from typing import TypeVar

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


def through_file(module: nn.Module) -> dict[str, Tensor]:
    """The module's ``state_dict`` as it comes back from a file."""
    file = io.BytesIO()
    torch.save(module.state_dict(), file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def everything(module: nn.Module) -> dict[str, Tensor]:
    """All parameters and buffers by name, as ``functional_call`` takes them."""
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}
