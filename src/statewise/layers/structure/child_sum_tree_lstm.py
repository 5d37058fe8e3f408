"""Child-Sum Tree-LSTM: an LSTM whose past is not one step but any number of children.

Tai, Socher & Manning 2015, arXiv 1503.00075, section 3.1. At node j with children C(j):

    h~   = sum of h_k over the children k                                            (eq. 2)
    i, o = sigmoid(W x_j + U h~ + b)                 input and output gate           (eq. 3, 5)
    f_k  = sigmoid(W_f x_j + U_f h_k + b_f)          one forget gate a child         (eq. 4)
    g    = tanh(W_g x_j + U_g h~ + b_g)              what is offered to the memory   (eq. 6)
    c_j  = i * g + sum of f_k * c_k over the children                                (eq. 7)
    h_j  = o * tanh(c_j),  y_j = h_j                                                 (eq. 8)

Our f_k and g are the paper's f_jk and u_j. Parameters are named and laid out as ``torch.nn.LSTM``'s:
W = ``weight_ih_l0`` (4 H, D), U = ``weight_hh_l0`` (4 H, H), gates in the order i, f, g, o, two biases that add up. On
a chain this is that LSTM, and their ``state_dict``s are interchangeable.
"""

from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from statewise.contract import SequenceLayer, Structure, StructureLayer, Vectors, bottom_up
from statewise.init.matrices import orthogonal_blocks_, uniform_
from statewise.ops.linear import linear


class TreeLSTMState(NamedTuple):
    """What a node hands to those above it."""

    h: Tensor
    """(n, H): its output"""
    c: Tensor
    """(n, H): its memory"""


class ChildSumTreeLSTM(StructureLayer):
    """c_j = i * g + sum of f_k * c_k over the children k of j, h_j = o * tanh(c_j).

    Edges lead from child to parent. A node may have several parents, so that shared parts are worked out once; cycles
    are refused. All nodes whose children are done are worked out together.

    Args:
        input_size: D.
        hidden_size: H, width of state and output.
        forget_bias: what the forget gates' bias is at the start, both bias vectors together.

    The weights start as those of an LSTM: uniform in +-1/sqrt(H), U orthogonal gate by gate.

    >>> layer = ChildSumTreeLSTM(input_size=3, hidden_size=4)
    >>> trees = Structure.batch([Structure.of_parents([2, 2, -1]), Structure.of_parents([-1])])
    >>> y = layer(torch.randn(4, 3), trees)
    >>> y[trees.roots].shape
    torch.Size([2, 4])
    """

    acyclic = True

    def __init__(self, *, input_size: int, hidden_size: int, forget_bias: float = 1.0) -> None:
        super().__init__(Vectors(input_size), hidden_size)
        rows = 4 * hidden_size
        self.weight_ih_l0 = nn.Parameter(uniform_(torch.empty(rows, input_size), hidden_size))
        self.weight_hh_l0 = nn.Parameter(orthogonal_blocks_(torch.empty(rows, hidden_size)))
        self.bias_ih_l0 = nn.Parameter(uniform_(torch.empty(rows), hidden_size))
        self.bias_hh_l0 = nn.Parameter(uniform_(torch.empty(rows), hidden_size))
        with torch.no_grad():
            self.bias_ih_l0[hidden_size : 2 * hidden_size] = forget_bias
            self.bias_hh_l0[hidden_size : 2 * hidden_size] = 0.0

    def _encode(self, x: Tensor, structure: Structure) -> Tensor:
        from_input = linear(x, self.weight_ih_l0, self.bias_ih_l0 + self.bias_hh_l0)
        of_i, of_f, of_g, of_o = self.weight_hh_l0.chunk(4)
        node = partial(_node, of_f, torch.cat([of_i, of_g, of_o]))
        none = self.zeros(0, self.output_size)
        return bottom_up(structure.levels, node, from_input, TreeLSTMState(none, none)).h

    def chain_twin(self) -> SequenceLayer:
        """torch's own LSTM cell with these weights."""
        return _Chain(self)


def _node(
    of_forget: Tensor, of_others: Tensor, from_input: Tensor, children: TreeLSTMState, parents: Tensor
) -> TreeLSTMState:
    """n nodes from their e children: equations 2 to 8, ``from_input`` being W x + b.

    ``of_forget`` is U_f ``(H, H)``, ``of_others`` are U_i, U_g, U_o one above the other.
    """
    i, f, g, o = from_input.chunk(4, dim=1)
    summed = _sum_at(parents, children.h, len(from_input))
    from_i, from_g, from_o = F.linear(summed, of_others).chunk(3, dim=1)
    forget = (f.index_select(0, parents) + F.linear(children.h, of_forget)).sigmoid()
    c = (i + from_i).sigmoid() * (g + from_g).tanh() + _sum_at(parents, forget * children.c, len(from_input))
    h = (o + from_o).sigmoid() * c.tanh()
    return TreeLSTMState(h, c)


def _sum_at(parents: Tensor, values: Tensor, nodes: int) -> Tensor:
    return values.new_zeros(nodes, values.shape[1]).index_add(0, parents, values)


class _Chain(SequenceLayer):
    """The steps of an LSTM with the weights of a Tree-LSTM."""

    def __init__(self, layer: ChildSumTreeLSTM) -> None:
        super().__init__(layer.input_form, layer.output_size)
        self.weights = nn.ParameterList(layer.parameters())

    def initial_state(self, batch_size: int) -> TreeLSTMState:
        h = self.zeros(batch_size, self.output_size)
        return TreeLSTMState(h, h.clone())

    def step(self, x: Tensor, state: TreeLSTMState) -> tuple[Tensor, TreeLSTMState]:
        h, c = torch.lstm_cell(x, state, *self.weights)
        return h, TreeLSTMState(h, c)
