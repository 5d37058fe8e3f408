"""Where autocast is on, and where it may not round."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor


def unrounded(x: Tensor) -> AbstractContextManager[object]:
    """A context in which autocast, where it is on, leaves products as precise as their factors, on the device of ``x``.

    >>> with torch.autocast("cpu", dtype=torch.bfloat16), unrounded(torch.ones(1)):
    ...     print((torch.ones(1, 1) @ torch.ones(1, 1)).dtype)
    torch.float32
    """
    kind = x.device.type
    return torch.autocast(kind, enabled=False) if torch.amp.is_autocast_available(kind) else nullcontext()


def autocasts(x: Tensor) -> bool:
    """Whether autocast is on, on the device of ``x``.

    >>> with torch.autocast("cpu"):
    ...     autocasts(torch.ones(1)), autocasts(torch.ones(1, device="meta"))
    (True, False)
    """
    kind = x.device.type
    return torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)
