"""Weights of any layer made from others: DropConnect, weight norm, spectral norm, as torch's parametrisations.

They work in place on the parameters that are named, as ``layer.named_parameters()`` names them; a layer says itself
which of its own are recurrent. It keeps its step, sequence and state; its parameters are then called
``parametrizations.weight_hh_l0.original`` and the like. Torch pickles no such layer whole: keep its ``state_dict``.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Literal, TypeVar, get_args
from zlib import crc32

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

from statewise.autocast import unrounded
from statewise.contract import SequenceLayer, from_weights
from statewise.errors import choose, unknown
from statewise.ops.noise import dropout_mask

Layer = TypeVar("Layer", bound=SequenceLayer)
WeightNorm = Literal["weight", "spectral"]

ITERATIONS_AT_START = 15
"""Steps of power iteration before the first sequence, as torch's"""


class Draw:
    """What the masks of one layer's weights follow from."""

    @from_weights
    def seed(self) -> Tensor:
        """``(1,)`` on the CPU: drawn once while the weights are held, for all weights together.

        So it does not show which of them a form of the layer looks at first.
        """
        return torch.randint(2**62, (1,), dtype=torch.int64, device="cpu")


class DropConnect(nn.Module):
    """W * m / (1 - rate), each m Bernoulli(1 - rate); in eval mode W.

    Args:
        rate: share of the weights that are dropped.
        weight: one like W.
        draw: which the weights of one layer have in common.
        number: of this weight, by which its mask differs from theirs.
    """

    def __init__(self, rate: float, weight: Tensor, draw: Draw, number: int) -> None:
        super().__init__()
        self.rate = rate
        self.size = weight.numel()
        self.draw = draw
        self.number = number

    def forward(self, weight: Tensor) -> Tensor:
        return weight * self._mask(weight) if self.training else weight

    @torch.no_grad()
    def _mask(self, weight: Tensor) -> Tensor:
        seed = self.draw.seed().to(weight.device)
        number = torch.full_like(seed, self.number)
        return dropout_mask(seed, number, self.size, self.rate, weight.dtype).view(weight.shape)

    def right_inverse(self, weight: Tensor) -> Tensor:
        """The weight that a layer is given is the one from which others are dropped."""
        return weight


class RowNorm(nn.Module):
    """W = g v / |v|, row by row; 0 where v is 0."""

    def forward(self, gain: Tensor, direction: Tensor) -> Tensor:
        return direction * _quotient(gain, direction.norm(dim=-1, keepdim=True))

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Gains and directions that leave the weight as it is; a row of zeros, which has none, gets that of ones."""
        gain = weight.norm(dim=-1, keepdim=True)
        return gain, torch.where(gain > 0, weight, torch.ones_like(weight))


class SpectralNorm(nn.Module):
    """bound * W_k / sigma(W_k) of each of the matrices W_k that are stacked in a weight; 0 where W_k is 0."""

    left: Tensor
    right: Tensor

    def __init__(self, weight: Tensor, matrices: int, bound: float) -> None:
        super().__init__()
        self.matrices = matrices
        self.bound = bound
        stacked = self._each(weight.detach())
        self.register_buffer("left", F.normalize(torch.randn_like(stacked[..., 0]), dim=1))
        self.register_buffer("right", F.normalize(torch.randn_like(stacked[:, 0]), dim=1))
        self._begin(stacked)

    def forward(self, weight: Tensor) -> Tensor:
        stacked = self._each(weight)
        with unrounded(weight):
            if self.training and torch.is_grad_enabled():
                self._iterate(stacked.detach())
            left, right = self.left.clone(), self.right.clone()
            sigma = torch.einsum("ki,kij,kj->k", left, stacked, right)
        scale = _quotient(torch.full_like(sigma, self.bound), sigma)
        return (stacked * scale.view(-1, 1, 1)).view(weight.shape)

    def right_inverse(self, weight: Tensor) -> Tensor:
        """Any weight will do: what it is divided by follows from it, and is sought anew."""
        self._begin(self._each(weight.detach()))
        return weight

    def _each(self, weight: Tensor) -> Tensor:
        return weight.reshape(self.matrices, -1, weight.shape[-1])

    def _begin(self, stacked: Tensor) -> None:
        """Seek the singular vectors of other matrices than before."""
        if not (stacked.is_meta or bool(stacked.flatten(1).any(dim=1).all())):
            raise ValueError(
                "a matrix of zeros has no spectral norm that could be brought to a bound, and would never be trained; "
                "start from another initialisation, or take weight norm"
            )
        for _ in range(ITERATIONS_AT_START):
            self._iterate(stacked)

    @torch.no_grad()
    def _iterate(self, stacked: Tensor) -> None:
        """One step of power iteration towards the singular vectors of the largest singular values."""
        self.left.copy_(_unit(torch.einsum("kij,kj->ki", stacked, self.right), self.left))
        self.right.copy_(_unit(torch.einsum("kij,ki->kj", stacked, self.left), self.right))


def _quotient(a: Tensor, b: Tensor) -> Tensor:
    """a / b, and 0 with no gradient where b is 0."""
    some = b.abs() > torch.finfo(b.dtype).tiny
    return torch.where(some, a / torch.where(some, b, 1), 0)


def _unit(vectors: Tensor, otherwise: Tensor) -> Tensor:
    """Each of the vectors ``(K, I)`` at length 1; in the place of one of zeros, the other one."""
    lengths = vectors.norm(dim=1, keepdim=True)
    return torch.where(lengths > 0, vectors / lengths, otherwise)


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

    One mask serves all steps and rows of a sequence, or of a stream; chunks and single steps draw their own. So in
    train mode, and there alone, the laws ``pure``, ``step = forward`` and ``any chunking`` do not hold. The masks of
    all weights of a layer, and of those inside, follow from their names and one seed that torch's global generator of
    the CPU draws, and so are the same on every device, in every form of the layer and whatever was asked for first.

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
    known = [part for part in layer.modules() if isinstance(part, DropConnect)]
    draw = known[0].draw if known else Draw()
    taken = {part.number for part in known}

    def make(name: str, weight: Tensor) -> DropConnect:
        number = crc32(name.encode())
        while number in taken:
            number += 1
        taken.add(number)
        return DropConnect(rate, weight, draw, number)

    return _each(layer, names, make)


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
        ValueError: if the kind is unknown, the bound not above 0, there is no such parameter, a matrix that is to have
            a spectral norm is zero, or a weight that is to have a norm by rows is made from others already.

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
        return _each(layer, weights, _row_norm)
    return _each(layer, weights, lambda name, weight: SpectralNorm(weight, weights[name], bound))


def _row_norm(name: str, weight: Tensor) -> RowNorm:
    if not isinstance(weight, nn.Parameter):
        raise ValueError(f"{name} is made from another weight already; give it its weight norm before that")
    return RowNorm()


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
