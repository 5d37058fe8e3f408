"""Whether a device can do what a training asks of it."""

import torch

from statewise.errors import UserError
from statewise.train.config import TrainConfig


def check_device(config: TrainConfig) -> None:
    """Raise a UserError if the device is not there, or has no bfloat16 autocast where that is asked for."""
    name = config.device
    try:
        kind = torch.device(name).type
    except RuntimeError as error:
        raise UserError(f"unknown device '{name}'; say cpu or cuda") from error
    try:
        torch.zeros(1, device=name)
    except (RuntimeError, AssertionError) as error:
        cause = str(error).splitlines()[0].rstrip(".")
        raise UserError(f"device '{name}' cannot be used ({cause}); say cpu") from error
    if config.precision == "bfloat16" and not _has_bfloat16(kind):
        raise UserError(f"device '{name}' has no bfloat16; say precision=float32")


def _has_bfloat16(kind: str) -> bool:
    return torch.cuda.is_bf16_supported() if kind == "cuda" else torch.amp.is_autocast_available(kind)
