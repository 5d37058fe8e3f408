"""What RNN, LSTM and GRU share: one layer's weights under torch.nn's names, in its layout, as its kernels want them."""

from collections.abc import Callable
from operator import itemgetter
from typing import Any, ClassVar, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

from statewise.contract import Segments, SequenceLayer, Stepper, Vectors
from statewise.init.matrices import Recurrent, recurrent_, uniform_
from statewise.layers.recurrence_stepper import recurrence_stepper
from statewise.ops.plain_recurrence import plain_recurrence
from statewise.ops.streams.dense import dense_stepping
from statewise.tree import State

WEIGHTS = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
"""In the order in which torch's kernels take them"""
_own: Any = itemgetter(*WEIGHTS)


class TorchLayout(SequenceLayer):
    """A layer with the weights of a one-layer ``torch.nn`` module, so that their ``state_dict``s are interchangeable.

    Only for exactly these weights, which torch's kernels take; a layer with any others is a ``SequenceLayer``.

    ``weight_ih_l0 (G H, D)``, ``weight_hh_l0 (G H, H)``, ``bias_ih_l0`` and ``bias_hh_l0 (G H,)`` for G gates, drawn
    from U(-1/sqrt(H), 1/sqrt(H)) in that order, ``weight_hh_l0`` as its initialisation says: where that is uniform,
    what torch.nn draws from the same seed.
    """

    torch_mode: ClassVar[str]
    """What ``torch.nn.RNNBase`` calls a module with weights like these"""

    def __init__(self, input_size: int, hidden_size: int, gates: int, initialization: Recurrent) -> None:
        super().__init__(Vectors(input_size), hidden_size)
        rows = gates * hidden_size
        self.weight_ih_l0 = nn.Parameter(uniform_(torch.empty(rows, input_size), hidden_size))
        self.weight_hh_l0 = nn.Parameter(recurrent_(torch.empty(rows, hidden_size), initialization))
        self.bias_ih_l0 = nn.Parameter(uniform_(torch.empty(rows), hidden_size))
        self.bias_hh_l0 = nn.Parameter(uniform_(torch.empty(rows), hidden_size))
        self.recurrent_weights = {"weight_hh_l0": gates}

    def _weights(self) -> tuple[Tensor, ...]:
        """The weights as torch's kernels take them."""
        try:
            return _own(self._parameters)  # asking for each costs 2 us a call
        except KeyError:  # a parametrised weight is not there
            return tuple(getattr(self, name) for name in WEIGHTS)

    def _dense_stepper(self, gates: Any, state: State) -> Stepper:
        weight_in, weight, bias_in, bias = self._weights()
        return recurrence_stepper(
            self, state, lambda state: dense_stepping(gates, (weight_in, bias_in), weight, bias, state[0], state[1:])
        )

    def _whole(
        self, gates: Any, x: Tensor, state: tuple[Tensor, ...], segments: Segments | None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """All outputs ``(B, T, H)`` and the state after them, by the fastest form."""
        return plain_recurrence(gates, x, self._weights(), state, training=self.training, segments=segments)

    def _projected(self, x: Tensor) -> Tensor:
        """W x + b_W of all gates, ``(..., G H)``."""
        return F.linear(x, self.weight_ih_l0, self.bias_ih_l0)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        super()._apply(fn, recurse)
        self._compact()
        return self

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._compact()

    def _compact(self) -> None:
        """Put the weights side by side on CUDA, as ``torch.nn.LSTM`` does; cuDNN copies loose ones at every call.

        Those that a parametrisation makes anew at every call stay loose.
        """
        if parametrize.is_parametrized(self) or not self.weight_ih_l0.is_cuda:
            return
        twin = nn.RNNBase(self.torch_mode, self.weight_ih_l0.shape[1], self.output_size, device="meta")
        for name, parameter in self.named_parameters():
            setattr(twin, name, parameter)
        twin.flatten_parameters()
