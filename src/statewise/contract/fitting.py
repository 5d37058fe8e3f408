"""Whether an input fits a layer, and in words why it does not: what came, what was expected, what mends it."""

import torch
from torch import Tensor

from statewise import tree
from statewise.contract.inputs import InputForm, Tokens
from statewise.contract.reader import Reader
from statewise.tree import State

FAILURES = (RuntimeError, TypeError, ValueError, IndexError)
"""What torch raises at tensors that do not fit each other"""


def is_sequence(form: InputForm, x: Tensor) -> bool:
    """Whether ``x`` has the axes, the width and the kind of numbers of a sequence: what is looked at beforehand."""
    if isinstance(form, Tokens):
        return x.dim() == 2 and not x.is_floating_point()
    return x.dim() == 3 and x.is_floating_point() and x.size(2) == form.size


def input_misfit(layer: Reader, x: Tensor, axes: int) -> str | None:
    """In words, why ``x`` is no sequence (``axes`` = 2) or no single step (1) for a layer; ``None`` if it is.

    >>> from statewise.layers.recurrent.lstm import LSTM
    >>> print(input_misfit(LSTM(input_size=3, hidden_size=4), torch.zeros(5, 3, dtype=torch.int64), axes=1))
    a step of LSTM reads vectors of torch.float32, got torch.int64; pass x.to(torch.float32)
    """
    name = type(layer).__name__ if axes == 2 else f"a step of {type(layer).__name__}"
    shape, batch = tuple(x.shape), "B, T" if axes == 2 else "B"
    if isinstance(layer.input_form, Tokens):
        if x.dim() != axes:
            return f"{name} reads token numbers ({batch}{'' if axes == 2 else ','}), got shape {shape}{_hint(x, axes)}"
        if x.is_floating_point():
            return f"{name} reads token numbers, got {x.dtype}; pass x.long()"
        return _misplaced(name, layer, x)
    size = layer.input_form.size
    if x.dim() != axes + 1:
        return f"{name} reads vectors ({batch}, {size}), got shape {shape}{_hint(x, axes, size)}"
    if x.shape[-1] != size:
        turned = axes == 2 and x.shape[1] == size
        hint = "; axis 1 fits: is x (B, D, T)? then x.transpose(1, 2)" if turned else ""
        return f"{name} reads vectors of size {size}, got shape {shape}{hint}"
    dtype = layer.zeros(0).dtype
    if x.dtype != dtype and not (x.is_floating_point() and torch.is_autocast_enabled(x.device.type)):
        other = f", or take layer.to({x.dtype})" if x.is_floating_point() else ""
        return f"{name} reads vectors of {dtype}, got {x.dtype}; pass x.to({dtype}){other}"
    return _misplaced(name, layer, x)


def _hint(x: Tensor, axes: int, size: int | None = None) -> str:
    """What to do about a wrong number of axes, where that is likely."""
    more = x.dim() - axes - (size is not None)
    if axes == 2 and more == -1:
        added = "" if size is None else ", or add the time axis with x.unsqueeze(1)"
        return f"; for a single step call .step{added}"
    if axes == 1 and more == 1:
        dropped = ", or drop the time axis with x.squeeze(1)" if x.shape[1] == 1 else ""
        return f"; for a whole sequence call the layer itself{dropped}"
    return "; add the batch axis with x.unsqueeze(0)" if axes == 1 and more == -1 else ""


def _misplaced(name: str, layer: Reader, x: Tensor) -> str | None:
    if x.device == layer.device:
        return None
    return f"{name} is on {layer.device}, its input on {x.device}; pass x.to('{layer.device}')"


def state_misplaced(layer: Reader, state: State) -> str | None:
    """In words, which part of a state is not where the layer is; ``None`` if all of it is there."""
    for path, leaf in tree.named_leaves(state):
        if leaf.device != layer.device:
            place = f"leaf '{path}' of its state" if path else "its state"
            return (
                f"{type(layer).__name__} is on {layer.device}, {place} on {leaf.device}; begin with a state from there"
            )
    return None
