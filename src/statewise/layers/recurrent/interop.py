"""Weights and states to and from ``torch.nn.RNN``, ``LSTM`` and ``GRU``.

One of our layers is one layer of theirs, with the same parameter names; a stack of theirs is a list of ours, which
``statewise.combine.Stack`` runs. Weights are copied, on their device and in their dtype.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from statewise.layers.recurrent.gru import GRU, GRUState
from statewise.layers.recurrent.lstm import LSTM, LSTMState
from statewise.layers.recurrent.rnn import RNN, Activation, RNNState

RecurrentLayer = RNN | LSTM | GRU
RecurrentState = RNNState | LSTMState | GRUState
TorchModule = nn.RNN | nn.LSTM | nn.GRU
TorchState = Tensor | tuple[Tensor, Tensor]


def from_torch(module: TorchModule) -> list[RecurrentLayer]:
    """One layer of ours for each layer of ``module``, with its weights.

    Raises:
        ValueError: if the module is bidirectional, has projections or dropout, or lacks biases.

    >>> layers = from_torch(nn.LSTM(3, 4, num_layers=2, batch_first=True))
    >>> [type(layer).__name__ for layer in layers]
    ['LSTM', 'LSTM']
    """
    _refuse_what_has_no_counterpart(module)
    layers = []
    for number in range(module.num_layers):
        layer = _like(module, module.input_size if number == 0 else module.hidden_size)
        names = [name.removesuffix("_l0") for name, _ in layer.named_parameters()]
        weights = {f"{name}_l0": getattr(module, f"{name}_l{number}") for name in names}
        layer.to(weights["weight_ih_l0"]).load_state_dict(weights)
        layers.append(layer)
    return layers


def to_torch(layers: Sequence[RecurrentLayer]) -> TorchModule:
    """One batch-first ``torch.nn`` module with the weights of layers of one kind and width, the first at the bottom.

    Raises:
        ValueError: if there are no layers, if they do not fit each other, or if torch.nn has no such variant.

    >>> to_torch([GRU(input_size=3, hidden_size=4), GRU(input_size=4, hidden_size=4)])
    GRU(3, 4, num_layers=2, batch_first=True)
    """
    if not layers:
        raise ValueError("there are no layers to convert; pass at least one")
    for below, above in pairwise(layers):
        _refuse_unequal(below, above)
    module = _torch_like(layers[0], len(layers)).to(layers[0].weight_ih_l0)
    module.load_state_dict(
        {
            f"{name.removesuffix('_l0')}_l{number}": tensor
            for number, layer in enumerate(layers)
            for name, tensor in layer.state_dict().items()
        }
    )
    return module


def state_from_torch(layers: Sequence[RecurrentLayer], state: TorchState) -> tuple[RecurrentState, ...]:
    """``torch.nn``'s state, ``(layers, B, H)`` or two of these, as the state of ``Stack(layers)``: one for each layer.

    Raises:
        ValueError: if the state is not one of that many layers of that kind.

    >>> layers = from_torch(nn.RNN(3, 4, num_layers=2))
    >>> [state.h.shape for state in state_from_torch(layers, torch.zeros(2, 5, 4))]
    [torch.Size([5, 4]), torch.Size([5, 4])]
    """
    parts = state if isinstance(state, tuple) else (state,)
    states = [_state_class(layer) for layer in layers]
    shapes = [tuple(part.shape) for part in parts]
    fits = all(len(shape) == 3 and shape[0] == len(layers) for shape in shapes)
    if not fits or any(len(parts) != len(kind._fields) for kind in states):
        raise ValueError(
            f"torch.nn's state of {len(layers)} layers is ({len(layers)}, B, H), two of these for an LSTM; got {shapes}"
        )
    return tuple(kind(*leaves) for kind, *leaves in zip(states, *(part.unbind(0) for part in parts), strict=True))


def state_to_torch(states: Sequence[RecurrentState]) -> TorchState:
    """The state of ``Stack(layers)`` as ``torch.nn``'s: ``h``, or for LSTMs ``(h, c)``, each ``(layers, B, H)``."""
    h = torch.stack([state.h for state in states])
    memories = [state.c for state in states if isinstance(state, LSTMState)]
    return (h, torch.stack(memories)) if memories else h


def _refuse_what_has_no_counterpart(module: TorchModule) -> None:
    if not isinstance(module, TorchModule):
        raise ValueError(f"only torch.nn.RNN, LSTM and GRU can be converted, got {type(module).__name__}")
    if module.bidirectional:
        raise ValueError(
            "a bidirectional module has no causal counterpart; convert each direction as a module of its own and join "
            "them with statewise.combine.Bidirectional"
        )
    if module.proj_size:
        raise ValueError(
            f"an LSTM with proj_size={module.proj_size} is a ProjectedLSTM each layer, whose parameters have the same "
            "names; make those and load its weights into them"
        )
    if not module.bias:
        raise ValueError("a module without biases has no counterpart; give it biases of zero, which compute the same")
    if module.dropout:
        raise ValueError(
            f"dropout={module.dropout} between the layers would be lost; set module.dropout = 0.0 and put "
            "statewise.combine.Dropout between the converted layers"
        )


def _refuse_unequal(below: RecurrentLayer, above: RecurrentLayer) -> None:
    if _variant(below) != _variant(above):
        raise ValueError(f"torch.nn stacks layers of one kind, got {_variant(below)} below {_variant(above)}")
    widths = (above.weight_ih_l0.shape[1], above.output_size)
    if widths != (below.output_size, below.output_size):
        raise ValueError(
            f"torch.nn stacks layers of one width, got one of width {below.output_size} below one that reads "
            f"{widths[0]} and is {widths[1]} wide"
        )


def _variant(layer: RecurrentLayer) -> str:
    """Kind and variant of a layer, in words."""
    if isinstance(layer, RNN):
        return f"{layer.activation} RNN"
    return f"GRU resetting {layer.reset_placement} the product" if isinstance(layer, GRU) else "LSTM"


def _state_class(layer: RecurrentLayer) -> type[RecurrentState]:
    if isinstance(layer, RNN):
        return RNNState
    return GRUState if isinstance(layer, GRU) else LSTMState


def _like(module: TorchModule, input_size: int) -> RecurrentLayer:
    """A layer of ours of the same kind and width, freshly initialised."""
    if isinstance(module, nn.LSTM):
        return LSTM(input_size=input_size, hidden_size=module.hidden_size)
    if isinstance(module, nn.GRU):
        return GRU(input_size=input_size, hidden_size=module.hidden_size)
    activation: Activation = "relu" if module.nonlinearity == "relu" else "tanh"
    return RNN(input_size=input_size, hidden_size=module.hidden_size, activation=activation)


def _torch_like(layer: RecurrentLayer, number: int) -> TorchModule:
    """A module of torch.nn with ``number`` layers of the same kind and width, freshly initialised."""
    size = layer.weight_ih_l0.shape[1]
    if isinstance(layer, LSTM):
        return nn.LSTM(size, layer.output_size, number, batch_first=True)
    if isinstance(layer, GRU):
        if layer.reset_placement != "after":
            raise ValueError("torch.nn.GRU resets after the product; this GRU resets before it")
        return nn.GRU(size, layer.output_size, number, batch_first=True)
    if layer.activation not in ("tanh", "relu"):
        raise ValueError(f"torch.nn.RNN knows tanh and relu, not {layer.activation}")
    return nn.RNN(size, layer.output_size, number, nonlinearity=layer.activation, batch_first=True)
