"""The contract of what reads a whole sequence at once and cannot step."""

from abc import ABC, abstractmethod
from typing import Any, final

import torch
from torch import Tensor

from statewise.contract.inputs import Input, values_of
from statewise.contract.reader import Reader
from statewise.contract.weights import weights_held


class EncoderLayer(Reader, ABC):
    """A map of whole sequences that cannot be run step by step: ``y = layer(x, lengths)``. Write ``_encode``.

    ``x (B, T, d_in)``, or ``Timed`` of such, is right-padded, ``lengths (B,)`` are absolute integers; padding changes
    nothing and the outputs at padded positions are zero. Their dtype is that of x, or the layer's where x is tokens,
    under autocast too.
    """

    @abstractmethod
    def _encode(self, x: Any, lengths: Tensor) -> Tensor:
        """The outputs ``(B, T, d_out)``; what stands at padded positions is not looked at."""

    @final  # type: ignore[misc]  # torch declares forward as an attribute
    def forward(self, x: Input, lengths: Tensor | None = None) -> Tensor:
        """Encode a batch; ``lengths`` ``None`` means that every row is full.

        Raises:
            ValueError: if the lengths are not ``(B,)`` integers between 0 and T, or the time stamps not ``(B, T)``.
        """
        x = self.as_read(x, axes=2)
        values = values_of(x)
        batch, time = values.shape[:2]
        if lengths is None:
            lengths = torch.full((batch,), time, dtype=torch.int64, device=values.device)
        check_lengths(lengths, batch, time)
        valid = torch.arange(time, device=values.device) < lengths.unsqueeze(1)
        with weights_held():
            encoded = self.as_precise(self._encode(x, lengths), values)
        return torch.where(valid.unsqueeze(2), encoded, torch.zeros_like(encoded))


def check_lengths(lengths: Tensor, batch: int, time: int) -> None:
    """Raise a ValueError unless ``lengths`` are ``(batch,)`` integers between 0 and ``time``."""
    if lengths.shape != (batch,) or lengths.is_floating_point():
        raise ValueError(
            f"lengths must be ({batch},) integers (absolute, not fractions), got {tuple(lengths.shape)} {lengths.dtype}"
        )
    if batch and (int(lengths.min()) < 0 or int(lengths.max()) > time):
        raise ValueError(f"lengths must lie between 0 and {time}, got {lengths.tolist()}")
