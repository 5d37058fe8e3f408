"""What works number by number, counted in plain real operations: one addition, product or elementary function each.

What depends on parameters alone, such as a decay made from its logarithm, is worked out once a sequence and not
counted; moving, selecting and comparing numbers is free. A reduction counts the numbers that it takes in.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

REAL: Mapping[str, int] = {
    **dict.fromkeys(
        """abs add amax amin clamp clamp_max clamp_min cos cumprod cumsum div elu erf exp expm1 glu hardsigmoid hardtanh
        leaky_relu log log1p log_sigmoid_forward maximum mean minimum mul neg pow prod reciprocal relu rsqrt rsub
        sigmoid sin softplus sqrt square sub sum tanh""".split(),  # noqa: SIM905  readable
        1,
    ),
    **dict.fromkeys(("addcmul", "gelu", "silu"), 2),
    **dict.fromkeys(("_log_softmax", "_safe_softmax", "_softmax", "addcdiv", "lerp"), 3),
    **dict.fromkeys(("_fused_rms_norm", "rms_norm"), 4),
    **dict.fromkeys(("native_group_norm", "native_layer_norm"), 7),
}
"""Plain operations a number. A softmax is exp, sum and quotient, a norm its mean, differences, squares and scaling."""

COMPLEX: Mapping[str, int] = {"div": 11, "exp": 5, "mul": 6, "polar": 4}
"""Plain operations a complex number; twice those of a real one where nothing is said"""

SCORE = 4
"""Operations a score of fused attention: its scaling and its softmax; one more where a mask or bias is added"""


class ElementwiseCounter(TorchDispatchMode):
    """Adds up the plain operations of all that depends on some tensors.

    Args:
        moving: the input and the state.

    >>> import torch
    >>> x = torch.ones(3)
    >>> with ElementwiseCounter([x]) as counter:
    ...     y = (torch.ones(3).exp() * x).tanh()
    >>> counter.total
    6
    """

    def __init__(self, moving: Iterable[Tensor]) -> None:
        super().__init__()
        self.total = 0
        self._moving = {id(tensor): tensor for tensor in moving}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        inputs = _tensors((args, kwargs))
        if any(id(tensor) in self._moving for tensor in inputs):
            outputs = _tensors(out)
            self._moving.update((id(tensor), tensor) for tensor in outputs)
            self.total += _operations(func.overloadpacket.__name__, inputs, outputs)
        return out


def _operations(name: str, inputs: list[Tensor], outputs: list[Tensor]) -> int:
    if not outputs or not (outputs[0].is_floating_point() or outputs[0].is_complex()):
        return 0
    if name.startswith("_scaled_dot_product"):
        queries, keys, *masks = (inputs[0], inputs[1], *inputs[3:])
        return (SCORE + len(masks)) * queries.shape[:-1].numel() * keys.shape[-2]
    name = name if name.startswith("_") else name.rstrip("_")
    return _operations_a_number(name, inputs) * max(outputs[0].numel(), inputs[0].numel())


def _operations_a_number(name: str, inputs: list[Tensor]) -> int:
    if not any(tensor.is_complex() for tensor in inputs):
        return COMPLEX["polar"] if name == "polar" else REAL.get(name, 0)
    if name in ("mul", "div") and not all(tensor.is_complex() for tensor in inputs):
        return 2
    return COMPLEX.get(name, 2 * REAL.get(name, 0))


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]
