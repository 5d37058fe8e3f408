"""Child-Sum Tree-LSTM: against the paper's equations node by node, against our LSTM on chains, and in time."""

import random
import time

import pytest
import torch
from torch import Tensor

from statewise.contract import Structure
from statewise.layers.recurrent.lstm import LSTM
from statewise.layers.structure.child_sum_tree_lstm import ChildSumTreeLSTM


def random_tree(nodes: int, seed: int) -> Structure:
    """A tree whose root is node 0 before the nodes are renumbered at random."""
    draw = random.Random(seed)
    name = list(range(nodes))
    draw.shuffle(name)
    parents = [-1] * nodes
    for node in range(1, nodes):
        parents[name[node]] = name[draw.randrange(node)]
    return Structure.of_parents(parents)


def node_by_node(layer: ChildSumTreeLSTM, x: Tensor, structure: Structure) -> Tensor:
    """Equations 2 to 8 as they stand in the paper, by recursion from every root."""
    children: list[list[int]] = [[] for _ in range(structure.nodes)]
    for child, parent in structure.edges.T.tolist():
        children[parent].append(child)
    w_i, w_f, w_u, w_o = layer.weight_ih_l0.chunk(4)
    u_i, u_f, u_u, u_o = layer.weight_hh_l0.chunk(4)
    b_i, b_f, b_u, b_o = (layer.bias_ih_l0 + layer.bias_hh_l0).chunk(4)
    done: dict[int, tuple[Tensor, Tensor]] = {}

    def visit(j: int) -> tuple[Tensor, Tensor]:
        if j not in done:
            below = [visit(k) for k in children[j]]
            h_sum = sum((h for h, _ in below), torch.zeros(layer.output_size, dtype=x.dtype))
            i = torch.sigmoid(w_i @ x[j] + u_i @ h_sum + b_i)
            o = torch.sigmoid(w_o @ x[j] + u_o @ h_sum + b_o)
            u = torch.tanh(w_u @ x[j] + u_u @ h_sum + b_u)
            c = i * u
            for h_k, c_k in below:
                c = c + torch.sigmoid(w_f @ x[j] + u_f @ h_k + b_f) * c_k
            done[j] = (o * torch.tanh(c), c)
        return done[j]

    return torch.stack([visit(j)[0] for j in range(structure.nodes)])


def moved(layer: ChildSumTreeLSTM) -> ChildSumTreeLSTM:
    """With both bias vectors away from zero."""
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, dtype=parameter.dtype))
    return layer


@pytest.mark.parametrize("seed", range(5))
def test_outputs_and_gradients_are_the_papers(seed: int):
    torch.manual_seed(seed)
    layer = moved(ChildSumTreeLSTM(input_size=3, hidden_size=4).double())
    shared = Structure.of_edges(4, [(0, 1), (0, 2), (1, 3), (2, 3), (0, 3)])
    structure = Structure.batch([random_tree(7, seed), random_tree(1, seed), shared, random_tree(5, seed + 1)])
    x = torch.randn(structure.nodes, 3, dtype=torch.float64, requires_grad=True)
    cotangent = torch.randn(structure.nodes, 4, dtype=torch.float64)
    wanted = [x, *layer.parameters()]
    y, expected = layer(x, structure), node_by_node(layer, x, structure)
    torch.testing.assert_close(y, expected, rtol=1e-12, atol=1e-12)
    for found, right in zip(
        torch.autograd.grad(y, wanted, cotangent), torch.autograd.grad(expected, wanted, cotangent), strict=True
    ):
        torch.testing.assert_close(found, right, rtol=1e-10, atol=1e-10)


def test_on_a_chain_it_is_our_lstm_with_the_same_state_dict():
    torch.manual_seed(0)
    layer, lstm = moved(ChildSumTreeLSTM(input_size=3, hidden_size=4).double()), LSTM(input_size=3, hidden_size=4)
    lstm.double().load_state_dict(layer.state_dict())
    x = torch.randn(2, 9, 3, dtype=torch.float64)
    y = layer(x.flatten(0, 1), Structure.of_chains([9, 9]))
    torch.testing.assert_close(y.view(2, 9, 4), lstm(x)[0], rtol=1e-12, atol=1e-12)


def test_a_forgotten_child_is_forgotten_alone():
    """With f = 1 the memories of children add up; each child has a gate of its own (the paper's figure 2)."""
    layer = ChildSumTreeLSTM(input_size=1, hidden_size=1, forget_bias=0.0).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()
        layer.weight_ih_l0[2] = 1.0  # g = tanh(x)
        layer.bias_ih_l0[0] = layer.bias_ih_l0[3] = 40.0  # i = o = 1
        layer.weight_hh_l0[1] = 1e4  # f_k = 1 where h_k > 0, 0 where h_k < 0
    x = torch.tensor([[0.5], [-0.7], [0.2], [0.1]], dtype=torch.float64)
    y = layer(x, Structure.of_parents([3, 3, 3, -1]))
    expected = torch.tanh(torch.tanh(x[3]) + torch.tanh(x[0]) + torch.tanh(x[2]))
    torch.testing.assert_close(y[3], expected, rtol=1e-9, atol=1e-9)


def test_levels_are_much_faster_than_nodes():
    trees = Structure.batch([random_tree(40, seed) for seed in range(20)])
    layer, x = ChildSumTreeLSTM(input_size=8, hidden_size=16), torch.randn(trees.nodes, 8)
    with torch.no_grad():
        layer(x, trees)
        by_level = min(_seconds(lambda: layer(x, trees)) for _ in range(3))
        by_node = _seconds(lambda: node_by_node(layer, x, trees))
    assert by_node > 5 * by_level, (by_node, by_level)


def test_a_long_chain_costs_what_its_length_says():
    """Kept is only what is still read: eight times the length is about eight times the time, not 64."""
    layer = ChildSumTreeLSTM(input_size=4, hidden_size=4)

    def cost(length: int) -> float:
        chain, x = Structure.of_chains([length]), torch.randn(length, 4)
        return min(_seconds(lambda: layer(x, chain).sum().backward()) for _ in range(5))

    cost(50)
    assert cost(800) < 24 * cost(100)


def _seconds(call) -> float:
    began = time.process_time()
    call()
    return time.process_time() - began
