"""Where a module is: the dtype and device of what it makes."""

from itertools import chain

import torch
from torch import Tensor, nn

from statewise.autocast import autocasts


class Placed(nn.Module):
    """A module that makes tensors where it is, also one without parameters or buffers of its own."""

    _placement: Tensor
    """Empty: dtype and device of a module without parameters or buffers of its own"""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("_placement", torch.empty(0), persistent=False)

    @property
    def device(self) -> torch.device:
        """Where the module is, and where its input has to be."""
        return self.zeros(0).device

    def zeros(self, *shape: int) -> Tensor:
        """Zeros in the dtype and on the device of the module: its parameters', or where it was moved if it has none."""
        for tensor in self._parameters.values():  # nearly always there, and sooner than parameters() finds it
            if tensor is not None and tensor.is_floating_point() and tensor.numel():
                return tensor.new_zeros(shape)
        rest = (t for t in chain(self.parameters(), self.buffers()) if t.is_floating_point() and t.numel())
        reference = next(rest, self._placement)
        return torch.zeros(shape, dtype=reference.dtype, device=reference.device)

    def as_precise(self, y: Tensor, x: Tensor) -> Tensor:
        """An output in the dtype of the input ``x``, of tokens in the module's: autocast changes neither."""
        if y.dtype == x.dtype or not autocasts(x):
            return y
        return y.to(x.dtype if x.is_floating_point() else self.zeros(0).dtype)
