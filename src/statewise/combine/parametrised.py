"""Weights of any layer made from others: DropConnect, weight norm, spectral norm, as torch's parametrisations.

They work in place on the parameters that are named, as ``layer.named_parameters()`` names them: ``weight_hh_l0`` is
what an LSTM multiplies its state with, ``recurrent.weight`` the same of the gated variants. A layer keeps its step,
sequence and state; its parameters are then called ``parametrizations.weight_hh_l0.original`` and the like.
"""

from collections.abc import Callable, Sequence
from typing import Literal, TypeVar, get_args

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize

from statewise.contract import SequenceLayer
from statewise.errors import choose, unknown

Layer = TypeVar("Layer", bound=SequenceLayer)
WeightNorm = Literal["weight", "spectral"]


class DropConnect(nn.Module):
    """W * m / (1 - rate), each m Bernoulli(1 - rate), drawn whenever the weight is looked at; in eval mode W."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, weight: Tensor) -> Tensor:
        return F.dropout(weight, self.rate, self.training)

    def right_inverse(self, weight: Tensor) -> Tensor:
        """The weight that a layer is given is the one from which others are dropped."""
        return weight


def drop_connect(layer: Layer, names: Sequence[str], *, rate: float) -> Layer:
    """Drop single weights in training (Wan et al. 2013; on U as in AWD-LSTM, Merity, Keskar & Socher 2018, section 3).

    A sequence looks at its weights once, so that one mask serves all its steps and rows; chunks and single steps draw
    their own. So in train mode, and there alone, the laws ``pure``, ``step = forward`` and ``any chunking`` do not
    hold. Masks come from torch's global generator, which the trainer seeds.

    Raises:
        ValueError: if the rate is outside [0, 1), or there is no such parameter.

    >>> import torch
    >>> from statewise.layers.recurrent.lstm import LSTM
    >>> layer, x = drop_connect(LSTM(input_size=3, hidden_size=4), ["weight_hh_l0"], rate=0.5), torch.randn(2, 7, 3)
    >>> torch.equal(layer(x)[0], layer(x)[0]), torch.equal(layer.eval()(x)[0], layer(x)[0])
    (False, True)
    """
    if not 0 <= rate < 1:
        raise ValueError(f"rate must be at least 0 and below 1, got {rate}")
    return _each(layer, names, lambda part, name: parametrize.register_parametrization(part, name, DropConnect(rate)))


def norm_weights(layer: Layer, names: Sequence[str], *, kind: WeightNorm) -> Layer:
    """Give weights a norm of their own.

    ``weight``: W = g v / |v| row by row, g and v learnt (Salimans & Kingma 2016, eq. 2). ``spectral``: W / sigma(W),
    sigma the largest singular value (Miyato et al. 2018, eq. 8), estimated by one step of power iteration whenever the
    weight is looked at in training: that step writes buffers, so in train mode, and there alone, the laws ``pure``,
    ``step = forward`` and ``any chunking`` do not hold. Weight norm keeps them all.

    Raises:
        ValueError: if the kind is unknown, or there is no such parameter.

    >>> import torch
    >>> from statewise.layers.recurrent.rnn import RNN
    >>> layer = norm_weights(RNN(input_size=3, hidden_size=4), ["weight_hh_l0"], kind="spectral").eval()
    >>> round(float(torch.linalg.matrix_norm(layer.weight_hh_l0.detach(), 2)), 3)
    1.0
    """
    choose("kind", kind, get_args(WeightNorm))
    make = parametrizations.weight_norm if kind == "weight" else parametrizations.spectral_norm
    return _each(layer, names, make)


def _each(layer: Layer, names: Sequence[str], make: Callable[[nn.Module, str], nn.Module]) -> Layer:
    known = dict(layer.named_parameters())
    for name in names:
        if name not in known:
            raise unknown("parameter", name, known)
        path, _, own = name.rpartition(".")
        make(layer.get_submodule(path), own)
    return layer
