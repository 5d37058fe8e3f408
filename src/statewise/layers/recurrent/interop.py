"""Weights and states to and from ``torch.nn.RNN``, ``LSTM`` and ``GRU``.

One of our layers is one layer of theirs, with the same parameter names; a stack of theirs is a list of ours.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from statewise.layers.recurrent.gru import GRU, GRUState
from statewise.layers.recurrent.lstm import LSTM, LSTMState
from statewise.layers.recurrent.rnn import RNN, Activation, RNNState

RecurrentLayer = RNN | LSTM | GRU
RecurrentState = RNNState | LSTMState | GRUState


def from_torch(module: nn.RNNBase) -> list[RecurrentLayer]:
    """One layer of ours for each layer of ``module``, with its weights.

    Raises:
        ValueError: if the module is bidirectional, has projections, no biases or dropout between layers, which belong
            to ``statewise.combine`` or are not built here.

    >>> layers = from_torch(nn.LSTM(3, 4, num_layers=2, batch_first=True))
    >>> [type(layer).__name__ for layer in layers]
    ['LSTM', 'LSTM']
    """
    if module.bidirectional or module.proj_size or not module.bias:
        raise ValueError("only unidirectional torch.nn layers with biases and without projections have a counterpart")
    if module.dropout:
        raise ValueError("dropout between layers belongs to statewise.combine.Dropout; set it to 0 before converting")
    layers = []
    for number in range(module.num_layers):
        layer = _empty_like(module, module.input_size if number == 0 else module.hidden_size)
        suffix = f"_l{number}"
        own = {name.removesuffix(suffix) + "_l0": p for name, p in module.named_parameters() if name.endswith(suffix)}
        layer.to(next(module.parameters()).dtype).load_state_dict(own)
        layers.append(layer)
    return layers


def to_torch(layers: Sequence[RecurrentLayer]) -> nn.RNNBase:
    """One batch-first ``torch.nn`` module with the weights of a stack of our layers, all of one kind and width.

    Raises:
        ValueError: if kinds or widths differ, or torch.nn has no such variant.
    """
    first = layers[0]
    if any(type(layer) is not type(first) or layer.output_size != first.output_size for layer in layers):
        raise ValueError("torch.nn stacks need layers of one kind and one width")
    module = _torch_like(first, len(layers)).to(first.weight_ih_l0.dtype)
    weights = {
        name.removesuffix("_l0") + f"_l{number}": tensor
        for number, layer in enumerate(layers)
        for name, tensor in layer.state_dict().items()
    }
    module.load_state_dict(weights)
    return module


def state_from_torch(state: Tensor | tuple[Tensor, Tensor]) -> list[Tensor] | list[LSTMState]:
    """``torch.nn``'s state, layers on axis 0, as one batch-first state a layer (``h`` alone for RNN and GRU)."""
    if isinstance(state, tuple):
        return [LSTMState(h, c) for h, c in zip(state[0].unbind(0), state[1].unbind(0), strict=True)]
    return list(state.unbind(0))


def state_to_torch(states: Sequence[RecurrentState]) -> Tensor | tuple[Tensor, Tensor]:
    """One state a layer as ``torch.nn``'s, layers on axis 0."""
    h = torch.stack([state.h for state in states])
    memories = [state.c for state in states if isinstance(state, LSTMState)]
    return (h, torch.stack(memories)) if memories else h


def _empty_like(module: nn.RNNBase, input_size: int) -> RecurrentLayer:
    if isinstance(module, nn.LSTM):
        return LSTM(input_size=input_size, hidden_size=module.hidden_size)
    if isinstance(module, nn.GRU):
        return GRU(input_size=input_size, hidden_size=module.hidden_size)
    activation: Activation = "relu" if module.mode == "RNN_RELU" else "tanh"
    return RNN(input_size=input_size, hidden_size=module.hidden_size, activation=activation)


def _torch_like(layer: RecurrentLayer, number: int) -> nn.RNNBase:
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
