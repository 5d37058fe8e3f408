"""Arithmetic per token, counted on ``step``, which is the definition of a layer and made of plain products.

torch's counter says 0 for ``nn.LSTM`` on a CPU, whose fused kernel it does not know; ``sequence_flops`` registers the
formula. Products are counted as 2 m n k, as usual; what works element by element is counted apart, one operation a
number that comes out.
"""

import copy
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from statewise.contract import InputForm, SequenceLayer, Tokens


class Flops(NamedTuple):
    """Floating-point operations of one row and one time step, forward."""

    products: int
    """In matrix products and convolutions"""
    elementwise: int
    """In everything that works number by number: gates, recurrences, norms, softmax"""


ELEMENTWISE = frozenset(
    """_fused_rms_norm _softmax add addcmul cos div exp gelu leaky_relu log log1p mean mul native_layer_norm neg pow
    prod reciprocal relu rms_norm rsqrt rsub sigmoid silu sin softplus sqrt sub sum tanh""".split()  # noqa: SIM905  readable
)
"""Operations of which each number that comes out counts as one"""


def step_flops(layer: SequenceLayer) -> Flops:
    """Operations of one ``step`` of one row.

    >>> from statewise.layers.recurrent.lstm import LSTM
    >>> step_flops(LSTM(input_size=3, hidden_size=4)).products == 2 * 4 * 4 * (3 + 4)
    True
    """
    layer = _still(layer)
    elementwise = _Elementwise()
    with FlopCounterMode(display=False) as products, elementwise:
        layer.step(_example(layer.input_form, layer), layer.initial_state(1))
    return Flops(int(products.get_total_flops()), elementwise.total)


def sequence_flops(layer: SequenceLayer, batch_size: int, length: int) -> int:
    """Operations in matrix products and convolutions of one forward pass over ``(batch_size, length)``."""
    layer = _still(layer)
    one = _example(layer.input_form, layer)
    x = one.unsqueeze(1).expand(batch_size, length, *one.shape[1:]).contiguous()
    formulas: dict[Any, Any] = {torch.ops.aten.mkldnn_rnn_layer: _fused_lstm_flops}
    with FlopCounterMode(display=False, custom_mapping=formulas) as counter:
        layer(x)
    return int(counter.get_total_flops())


def _still(layer: SequenceLayer) -> SequenceLayer:
    """A copy in eval mode without gradients: torch's counter stumbles over states that are parameters."""
    return copy.deepcopy(layer).eval().requires_grad_(False)


def _fused_lstm_flops(
    x: tuple[int, ...], weight_ih: tuple[int, ...], weight_hh: tuple[int, ...], *rest: Any, **named: Any
) -> int:
    """Both products of every step: 2 B T 4H (D + H). The signature is torch's, which also passes what is not needed."""
    steps = x[0] * x[1]
    return 2 * steps * (weight_ih[0] * weight_ih[1] + weight_hh[0] * weight_hh[1])


def _example(form: InputForm, layer: SequenceLayer) -> Tensor:
    if isinstance(form, Tokens):
        return torch.zeros(1, dtype=torch.int64)
    return layer.zeros(1, form.size)


class _Elementwise(TorchDispatchMode):
    """Adds up the numbers that elementwise operations put out."""

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        first = out[0] if isinstance(out, tuple) else out
        name = (
            func.overloadpacket.__name__.rstrip("_")
            if func.overloadpacket.__name__[0] != "_"
            else func.overloadpacket.__name__
        )
        if name in ELEMENTWISE and isinstance(first, Tensor) and first.is_floating_point():
            self.total += max(first.numel(), args[0].numel() if isinstance(args[0], Tensor) else 0)
        return out
