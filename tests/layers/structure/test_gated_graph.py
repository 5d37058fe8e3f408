"""Gated graph neural network: against the paper's dense matrices, how far it hears, and what it is told of edges."""

import pytest
import torch
from torch import Tensor

from statewise.contract import Structure
from statewise.layers.structure.gated_graph import GatedGraphNetwork

EDGES = [(0, 1), (1, 2), (2, 0), (2, 2), (3, 1), (0, 1)]
KINDS = [0, 1, 0, 1, 1, 1]
NODES = 5
"""A triangle, an edge from a node to itself, two kinds of edges between the same nodes; node 4 is alone."""


def dense(layer: GatedGraphNetwork, x: Tensor, nodes: int, edges: list[tuple[int, int]], kinds: list[int]) -> Tensor:
    """Equations 1 to 6 with the matrix A of the paper's figure 1, (nodes H, 2 nodes H), written out."""
    width = layer.output_size
    blocks = layer.weight_edges.view(-1, 2, width, width)
    a = torch.zeros(2, nodes, width, nodes, width, dtype=x.dtype)
    for (source, target), kind in zip(edges, kinds, strict=True):
        a[0, target, :, source] += blocks[kind, 0].detach()
        a[1, source, :, target] += blocks[kind, 1].detach()
    w_z, w_r, w = layer.weight_heard.chunk(3)
    u_z, u_r, u = layer.weight_own.chunk(3)
    h = torch.cat([x, x.new_zeros(nodes, width - x.shape[1])], dim=1)
    for _ in range(layer.rounds):
        said = (a.view(2, nodes * width, nodes * width) @ h.flatten()).view(2, nodes, width)
        heard = torch.cat([said[0], said[1]], dim=1) + layer.bias
        z = torch.sigmoid(heard @ w_z.T + h @ u_z.T)
        r = torch.sigmoid(heard @ w_r.T + h @ u_r.T)
        candidate = torch.tanh(heard @ w.T + (r * h) @ u.T)
        h = (1 - z) * h + z * candidate
    return h


@pytest.mark.parametrize("rounds", [1, 3])
def test_it_is_the_papers_propagation(rounds: int):
    torch.manual_seed(0)
    layer = GatedGraphNetwork(input_size=3, hidden_size=4, rounds=rounds, edge_kinds=2).double()
    torch.nn.init.normal_(layer.bias)
    x = torch.randn(NODES, 3, dtype=torch.float64)
    expected = dense(layer, x, NODES, EDGES, KINDS)
    torch.testing.assert_close(layer(x, Structure.of_edges(NODES, EDGES, KINDS)), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("rounds", [1, 2, 3])
def test_a_node_hears_as_far_as_there_are_rounds(rounds: int):
    torch.manual_seed(0)
    layer = GatedGraphNetwork(input_size=2, hidden_size=3, rounds=rounds).double()
    x = torch.randn(7, 2, dtype=torch.float64, requires_grad=True)
    path = Structure.of_chains([7]).undirected()
    (gradient,) = torch.autograd.grad(layer(x, path)[0].sum(), x)
    assert (gradient.abs().sum(1) > 0).tolist() == [node <= rounds for node in range(7)]


def test_edges_are_heard_in_both_directions_with_weights_of_their_own():
    torch.manual_seed(0)
    layer = GatedGraphNetwork(input_size=3, hidden_size=4, rounds=1).double()
    x = torch.randn(1, 3, dtype=torch.float64).expand(2, 3)
    source, target = layer(x, Structure.of_edges(2, [(0, 1)]))
    alone = layer(x, Structure.of_edges(2, []))[0]
    assert all((one - other).abs().max() > 1e-3 for one, other in ((source, target), (source, alone), (target, alone)))


def test_nodes_of_a_symmetric_graph_cannot_be_told_apart():
    layer = GatedGraphNetwork(input_size=3, hidden_size=4)
    ring = Structure.of_edges(6, [(node, (node + 1) % 6) for node in range(6)]).undirected()
    y = layer(torch.ones(6, 3), ring)
    torch.testing.assert_close(y, y[:1].expand(6, 4))


def test_impossible_sizes_are_refused():
    with pytest.raises(ValueError, match="hidden_size must be at least 3"):
        GatedGraphNetwork(input_size=3, hidden_size=2)
    with pytest.raises(ValueError, match="rounds and edge_kinds must be at least 1"):
        GatedGraphNetwork(input_size=3, hidden_size=4, rounds=0)
