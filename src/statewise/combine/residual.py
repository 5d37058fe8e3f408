"""Residual connections around any layer, with the norm before or after it."""

from typing import Literal, get_args

from torch import Tensor, nn

from statewise.combine.wrapper import After, Before, Wrapper, width_kept
from statewise.contract import Input, SequenceLayer, Vectors, in_stream, values_of, with_values
from statewise.errors import choose
from statewise.modules.norm import LayerNorm, RMSNorm
from statewise.ops import normalisation

Norm = Literal[normalisation.Norm, "none"]


def make_norm(kind: Norm, width: int) -> nn.Module:
    """LayerNorm (Ba et al. 2016, eq. 4), RMSNorm (Zhang & Sennrich 2019, eq. 4) over the last axis, or the identity.

    Raises:
        UserError: if the kind is none of ``layer``, ``rms`` and ``none``.
    """
    choose("norm", kind, get_args(Norm))
    if kind == "none":
        return nn.Identity()
    return LayerNorm(width) if kind == "layer" else RMSNorm(width)


class Residual(Wrapper):
    """y = x + layer(x) (He et al. 2016, eq. 1).

    >>> import torch
    >>> from statewise.layers.recurrent.lstm import LSTM
    >>> layer, x = LSTM(input_size=4, hidden_size=4), torch.randn(2, 7, 4)
    >>> torch.equal(Residual(layer)(x)[0], x + layer(x)[0])
    True

    Raises:
        ValueError: if the layer's output is not as wide as its input.
    """

    def __init__(self, layer: SequenceLayer) -> None:
        width_kept(layer, "a residual")
        super().__init__(layer)

    def after(self, x: Input, y: Tensor) -> Tensor:
        return values_of(x) + y


class PreNorm(Wrapper):
    """y = layer(norm(x)): the norm stands before the layer, so that a residual path stays clean (Xiong et al. 2020).

    Raises:
        ValueError: if the layer reads tokens, or the norm is unknown.
    """

    def __init__(self, layer: SequenceLayer, *, norm: Norm = "layer") -> None:
        if not isinstance(layer.input_form, Vectors):
            raise ValueError("a norm needs vectors as input, not tokens")
        super().__init__(layer)
        self.norm = make_norm(norm, layer.input_form.size)

    def before(self, x: Input) -> Input:
        return with_values(x, self.norm(values_of(x)))

    def maps_in_stream(self) -> tuple[Before, After]:
        norm = in_stream(self.norm)
        return lambda x: with_values(x, norm(values_of(x))), self.after


class PostNorm(Wrapper):
    """y = norm(layer(x)). Around a residual it is norm(x + f(x)), as Vaswani et al. 2017, section 3.1, have it.

    >>> import torch
    >>> from statewise.layers.recurrent.lstm import LSTM
    >>> y, state = PostNorm(Residual(LSTM(input_size=4, hidden_size=4)))(torch.randn(2, 7, 4))
    >>> bool(y.mean(-1).abs().max() < 1e-6)
    True

    Raises:
        UserError: if the norm is unknown.
    """

    def __init__(self, layer: SequenceLayer, *, norm: Norm = "layer") -> None:
        super().__init__(layer)
        self.norm = make_norm(norm, layer.output_size)

    def after(self, x: Input, y: Tensor) -> Tensor:
        return self.norm(y)

    def maps_in_stream(self) -> tuple[Before, After]:
        norm = in_stream(self.norm)
        return self.before, lambda x, y: norm(y)
