"""Arithmetic per token, counted on ``step``, which is the definition of a layer and made of plain products.

torch's counter says 0 for kernels that it does not know: ``nn.LSTM`` and fused attention on a CPU, cuDNN's recurrent
layers. Their formulas are given to it here. A product of (m, n) and (n, k) counts as 2 m n k, a bias added in it as
nothing, as usual; what works number by number is counted apart, see ``statewise.cost.elementwise``.
"""

import copy
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from statewise import tree
from statewise.contract import SequenceLayer, example_input, take_step, weights_held
from statewise.cost.elementwise import ElementwiseCounter

if TYPE_CHECKING:
    from torch.utils.flop_counter import FlopCounterMode

Shape = tuple[int, ...]


class Flops(NamedTuple):
    """Floating-point operations of one row and one time step, forward."""

    products: int
    """In matrix products and convolutions"""
    elementwise: int
    """In everything that works number by number: gates, recurrences, norms, softmax"""


def step_flops(layer: SequenceLayer) -> Flops:
    """Operations of one ``step`` of one row; of attention one with a full window, of sparse weights with their zeros.

    What is made of the weights alone, such as a filter, is worked out once a sequence and not counted.

    >>> from statewise.layers.recurrent.lstm import LSTM
    >>> step_flops(LSTM(input_size=3, hidden_size=4))
    Flops(products=224, elementwise=52)
    """
    layer = _still(layer)
    x, state = take_step(example_input(layer, batch=1, time=1), 0), layer.initial_state(1)
    elementwise = ElementwiseCounter(tree.leaves((x, state)))
    with weights_held():
        layer.step(x, state)
        with product_counter() as products, elementwise:
            layer.step(x, state)
    return Flops(int(products.get_total_flops()), elementwise.total)


def _still(layer: SequenceLayer) -> SequenceLayer:
    """A copy in eval mode without gradients: torch's counter stumbles over states that are parameters."""
    return copy.deepcopy(layer).eval().requires_grad_(False)


def product_counter() -> "FlopCounterMode":
    """torch's counter, with the kernels that it does not know."""
    from torch.utils.flop_counter import FlopCounterMode  # it imports Triton, where that is installed

    formulas = {
        torch.ops.aten.mkldnn_rnn_layer: _fused_lstm_flops,
        torch.ops.aten._cudnn_rnn: _cudnn_recurrence_flops,
        torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention_flops,
    }
    return FlopCounterMode(display=False, custom_mapping=formulas)


def _fused_lstm_flops(x: Shape, weight_ih: Shape, weight_hh: Shape, *rest: Any, **named: Any) -> int:
    """Both products of every step: 2 B T 4H (D + H). The signature is torch's, which also passes what is not needed."""
    return _cudnn_recurrence_flops(x, [weight_ih, weight_hh])


def _cudnn_recurrence_flops(x: Shape, weights: list[Shape], *rest: Any, **named: Any) -> int:
    """A product with every matrix of a layer at every one of the ``x[0] x[1]`` steps."""
    return 2 * x[0] * x[1] * sum(shape[0] * shape[1] for shape in weights if len(shape) == 2)


def _attention_flops(queries: Shape, keys: Shape, values: Shape, *rest: Any, **named: Any) -> int:
    """Scores and their products with the values: 2 B N T S (d_k + d_v) for ``(B, N, T, d)`` and ``(B, N, S, d)``."""
    rows, heads, time, width = queries
    return 2 * rows * heads * time * keys[2] * (width + values[3])
