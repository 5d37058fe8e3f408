"""Weights of any layer made from others: DropConnect, weight norm, spectral norm, as torch's parametrisations.

They work in place on the parameters that are named, as ``layer.named_parameters()`` names them; a layer says itself
which of its own are recurrent. It keeps its step, sequence and state; its parameters are then called
``parametrizations.weight_hh_l0.original`` and the like.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Literal, TypeVar, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

from statewise.contract import SequenceLayer, from_weights
from statewise.errors import choose, unknown
from statewise.ops.noise import dropout_mask

Layer = TypeVar("Layer", bound=SequenceLayer)
WeightNorm = Literal["weight", "spectral"]

ITERATIONS_AT_START = 15
"""Steps of power iteration before the first sequence, as torch's"""


class DropConnect(nn.Module):
    """W * m / (1 - rate), each m Bernoulli(1 - rate); in eval mode W."""

    def __init__(self, rate: float, weight: Tensor) -> None:
        super().__init__()
        self.rate = rate
        self.size = weight.numel()

    def forward(self, weight: Tensor) -> Tensor:
        if not self.training:
            return weight
        seed = self.seed().to(weight.device)
        mask = dropout_mask(seed, torch.zeros_like(seed), self.size, self.rate, weight.dtype)
        return weight * mask.view(weight.shape)

    @from_weights
    def seed(self) -> Tensor:
        """Of the mask ``(1,)``: drawn once while the weights are held."""
        return torch.randint(2**62, (1,), dtype=torch.int64, device="cpu")

    def right_inverse(self, weight: Tensor) -> Tensor:
        """The weight that a layer is given is the one from which others are dropped."""
        return weight


class RowNorm(nn.Module):
    """W = g v / |v|, row by row."""

    def forward(self, gain: Tensor, direction: Tensor) -> Tensor:
        return direction * (gain / direction.norm(dim=-1, keepdim=True))

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Gains that leave the weight as it is."""
        return weight.norm(dim=-1, keepdim=True), weight


class SpectralNorm(nn.Module):
    """bound * W_k / sigma(W_k) of each of the matrices W_k that are stacked in a weight."""

    left: Tensor
    right: Tensor

    def __init__(self, weight: Tensor, matrices: int, bound: float) -> None:
        super().__init__()
        self.matrices = matrices
        self.bound = bound
        stacked = self._each(weight.detach())
        self.register_buffer("left", F.normalize(torch.randn_like(stacked[..., 0]), dim=1))
        self.register_buffer("right", F.normalize(torch.randn_like(stacked[:, 0]), dim=1))
        for _ in range(ITERATIONS_AT_START):
            self._iterate(stacked)

    def forward(self, weight: Tensor) -> Tensor:
        stacked = self._each(weight)
        if self.training and torch.is_grad_enabled():
            self._iterate(stacked.detach())
        left, right = self.left.clone(), self.right.clone()
        sigma = torch.einsum("ki,kij,kj->k", left, stacked, right)
        return (stacked * (self.bound / sigma).view(-1, 1, 1)).view(weight.shape)

    def right_inverse(self, weight: Tensor) -> Tensor:
        """Any weight will do: what it is divided by follows from it."""
        return weight

    def _each(self, weight: Tensor) -> Tensor:
        return weight.reshape(self.matrices, -1, weight.shape[-1])

    @torch.no_grad()
    def _iterate(self, stacked: Tensor) -> None:
        """One step of power iteration towards the singular vectors of the largest singular values."""
        self.left.copy_(F.normalize(torch.einsum("kij,kj->ki", stacked, self.right), dim=1))
        self.right.copy_(F.normalize(torch.einsum("kij,ki->kj", stacked, self.left), dim=1))


def recurrent_weights(layer: SequenceLayer) -> dict[str, int]:
    """The parameters of a layer, and of the layers inside, that are multiplied with what they carry.

    Returns:
        Full name -> how many matrices, one a gate, are stacked in it.

    >>> from statewise.layers.recurrent.lstm import LSTM
    >>> recurrent_weights(LSTM(input_size=3, hidden_size=4))
    {'weight_hh_l0': 4}
    """
    layers = ((path, part) for path, part in layer.named_modules() if isinstance(part, SequenceLayer))
    return {f"{path}.{name}".lstrip("."): n for path, part in layers for name, n in part.recurrent_weights.items()}


def drop_connect(layer: Layer, names: Iterable[str], *, rate: float) -> Layer:
    """Drop single weights in training (Wan et al. 2013; on U as in AWD-LSTM, Merity, Keskar & Socher 2018, section 3).

    One mask serves all steps and rows of a sequence, or of a stream; chunks, stretches that are worked out again
    (``checkpoint_time``) and single steps draw their own. So in train mode, and there alone, the laws ``pure``,
    ``step = forward`` and ``any chunking`` do not hold. A mask follows from a seed that torch's global generator of
    the CPU draws, and so is the same on every device.

    Raises:
        ValueError: if the rate is outside [0, 1), or there is no such parameter.

    >>> from statewise.layers.recurrent.lstm import LSTM
    >>> layer, x = LSTM(input_size=3, hidden_size=4), torch.randn(2, 7, 3)
    >>> layer = drop_connect(layer, recurrent_weights(layer), rate=0.5)
    >>> torch.equal(layer(x)[0], layer(x)[0]), torch.equal(layer.eval()(x)[0], layer(x)[0])
    (False, True)
    """
    if not 0 <= rate < 1:
        raise ValueError(f"rate must be at least 0 and below 1, got {rate}")
    return _each(layer, names, lambda _, weight: DropConnect(rate, weight))


def norm_weights(layer: Layer, weights: Mapping[str, int], *, kind: WeightNorm, bound: float = 1.0) -> Layer:
    """Give weights a norm of their own.

    ``weight``: W = g v / |v| row by row, g and v learnt (Salimans & Kingma 2016, eq. 2). ``spectral``: bound * W /
    sigma(W) for the matrix of each gate, sigma its largest singular value (Miyato et al. 2018, eq. 8), estimated by one
    step of power iteration a sequence in training: that step writes buffers, so in train mode with gradients, and
    there alone, the laws ``pure``, ``step = forward`` and ``any chunking`` do not hold. Weight norm keeps them all.

    Args:
        layer: whose weights they are.
        weights: name of a parameter -> how many matrices are stacked in it, as ``recurrent_weights`` says.
        kind: of norm.
        bound: what the spectral norm of each matrix is; weight norm has none.

    Raises:
        ValueError: if the kind is unknown, the bound not above 0, or there is no such parameter.

    >>> from statewise.layers.recurrent.rnn import RNN
    >>> layer = RNN(input_size=3, hidden_size=4)
    >>> layer = norm_weights(layer, recurrent_weights(layer), kind="spectral", bound=0.9).eval()
    >>> round(float(torch.linalg.matrix_norm(layer.weight_hh_l0.detach(), 2)), 3)
    0.9
    """
    choose("kind", kind, get_args(WeightNorm))
    if bound <= 0:
        raise ValueError(f"the bound must be above 0, got {bound}")
    if kind == "weight":
        return _each(layer, weights, lambda name, weight: RowNorm())
    return _each(layer, weights, lambda name, weight: SpectralNorm(weight, weights[name], bound))


def _each(layer: Layer, names: Iterable[str], make: Callable[[str, Tensor], nn.Module]) -> Layer:
    """Every weight of those names made by what ``make`` makes, of a weight that may be made already."""
    for name in names:
        path, _, own = name.rpartition(".")
        known = dict(layer.named_parameters())
        part = dict(layer.named_modules()).get(path)
        if part is None or not (name in known or parametrize.is_parametrized(part, own)):
            raise unknown("parameter", name, known)
        parametrize.register_parametrization(part, own, make(name, getattr(part, own)))
    return layer
