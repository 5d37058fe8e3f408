"""Structures: how they are made, what is refused, and the order in which their nodes are worked through."""

import random
from collections.abc import Callable
from functools import cache

import pytest
import torch
from torch import Tensor

from statewise.contract import Structure, StructureLayer, Tokens, Vectors, bottom_up


class SumOfSources(StructureLayer):
    def _encode(self, x: Tensor, structure: Structure) -> Tensor:
        return x.index_add(0, structure.edges[1], x[structure.edges[0]])


class SumOfSourcesWithoutCycles(SumOfSources):
    acyclic = True


def random_graph_without_cycles(seed: int) -> tuple[int, list[tuple[int, int]]]:
    """Up to 12 nodes in random order, edges of random density along that order, so that levels are skipped."""
    draw = random.Random(seed)
    order = list(range(draw.randint(0, 12)))
    draw.shuffle(order)
    density = draw.choice([0.1, 0.3, 0.7])
    edges = [(u, v) for place, u in enumerate(order) for v in order[place + 1 :] if draw.random() < density]
    draw.shuffle(edges)
    return len(order), edges


def weighted_paths(nodes: int, edges: list[tuple[int, int]]) -> list[float]:
    """s_v = v + 1 + half the sum of s_u over edges u -> v, node by node."""

    @cache
    def value(node: int) -> float:
        return node + 1 + sum(value(source) for source, target in edges if target == node) / 2

    return [value(node) for node in range(nodes)]


@pytest.mark.parametrize("seed", range(60))
def test_level_by_level_equals_node_by_node(seed: int):
    nodes, edges = random_graph_without_cycles(seed)
    structure = Structure.of_edges(nodes, edges)
    own = torch.arange(1.0, nodes + 1, dtype=torch.float64)
    found = bottom_up(structure.levels, lambda x, s, t: x.index_add(0, t, s / 2), own, own.new_zeros(0))
    assert found.tolist() == pytest.approx(weighted_paths(nodes, edges))


@pytest.mark.parametrize("seed", range(20))
def test_there_are_as_many_levels_as_the_longest_path_has_nodes(seed: int):
    nodes, edges = random_graph_without_cycles(seed)

    @cache
    def length(node: int) -> int:
        return 1 + max((length(source) for source, target in edges if target == node), default=0)

    assert len(Structure.of_edges(nodes, edges).levels) == max(map(length, range(nodes)), default=0)


def test_in_trees_only_the_level_before_is_kept():
    trees = Structure.batch([Structure.of_parents([4, 4, 5, 5, 5, -1]), Structure.of_chains([4, 1])])
    waiting = 0
    for level in trees.levels:
        new = [place - waiting for place in level.kept.tolist()]
        assert all(0 <= place < len(level.nodes) for place in new)
        waiting = len(level.kept)
    assert waiting == 0


def test_a_chain_is_a_tree_and_a_batch_is_its_parts_end_to_end():
    chains = Structure.of_chains([3, 0, 1])
    parts = [Structure.of_parents([1, 2, -1]), Structure.of_chains([0]), Structure.of_parents([-1])]
    batch = Structure.batch(parts)
    for name in ("edges", "graph", "kinds"):
        assert torch.equal(getattr(chains, name), getattr(batch, name)), name
    assert chains.count == batch.count == 3
    assert Structure.batch([batch, batch]).graph.tolist() == [0, 0, 0, 2, 3, 3, 3, 5]
    assert Structure.batch([]).nodes == Structure.batch([]).count == 0


def test_roots_are_the_nodes_that_no_edge_leaves():
    assert Structure.of_parents([3, 3, -1, 4, -1]).roots.tolist() == [2, 4]
    assert Structure.of_edges(2, [(0, 1), (1, 0)]).roots.tolist() == []


def test_undirected_edges_go_both_ways_once():
    graph = Structure.of_edges(3, [(0, 1), (1, 0), (1, 2), (2, 2)], kinds=[0, 0, 1, 0]).undirected()
    told = sorted(zip(*graph.edges.tolist(), graph.kinds.tolist(), strict=True))
    assert told == [(0, 1, 0), (1, 0, 0), (1, 2, 1), (2, 1, 1), (2, 2, 0)]
    assert torch.equal(graph.undirected().edges, graph.edges)


ZERO = torch.tensor([0])

REFUSED: list[tuple[Callable[[], object], str]] = [
    (lambda: Structure.of_edges(2, [(0, 2)]), "edges must hold numbers of the 2 nodes, got 2"),
    (lambda: Structure.of_edges(2, [(-1, 0)]), "edges must hold numbers of the 2 nodes, got -1"),
    (lambda: Structure.of_edges(0, [(0, 0)]), "edges must hold numbers of the 0 nodes, got 0"),
    (lambda: Structure.of_edges(2, [(0, 1, 0)]), "edges must be pairs"),  # type: ignore[list-item]
    (lambda: Structure.of_edges(2, [(0, 0.5)]), "edges must be a list of integers"),  # type: ignore[list-item]
    (lambda: Structure.of_edges(2, torch.zeros(1, 2)), r"edges must be \(2, E\) int64, got \(1, 2\) torch.float32"),
    (lambda: Structure.of_edges(2, torch.tensor(0)), r"edges must be \(2, E\) int64, got \(\)"),
    (lambda: Structure.of_edges(2, [(0, 1)], kinds=[0, 0]), r"kinds must be \(E,\) int64, one an edge, got \(2,\)"),
    (lambda: Structure.of_edges(2, [(0, 1)], kinds=[-1]), "kinds of edges are counted from 0, got -1"),
    (lambda: Structure.of_edges(2, [(0, 1), (0, 1)]), "edge 0 -> 1 of kind 0 stands more than once"),
    (lambda: Structure.of_parents([1, -2]), "a parent is the number of a node, or -1 for none; got -2"),
    (lambda: Structure.of_parents([2, -1]), "edges must hold numbers of the 2 nodes, got 2"),
    (lambda: Structure.of_parents([0.5]), "parents must be a list of integers"),  # type: ignore[list-item]
    (lambda: Structure.of_chains([3, -1]), "a chain has 0 nodes or more, got -1"),
    (
        lambda: Structure(torch.stack([ZERO, ZERO + 1]), torch.tensor([0, 1]), ZERO, 2),
        "from structure 0 to structure 1",
    ),
    (
        lambda: Structure(torch.stack([ZERO, ZERO]), torch.tensor([1]), ZERO, 1),
        "graph must hold numbers of the 1 struc",
    ),
]


@pytest.mark.parametrize(("make", "message"), REFUSED)
def test_what_is_no_structure_is_refused_with_a_sentence(make: Callable[[], object], message: str):
    with pytest.raises(ValueError, match=message):
        make()


def test_two_kinds_of_edges_may_join_the_same_nodes():
    assert Structure.of_edges(2, [(0, 1), (0, 1)], kinds=[0, 1]).edges.shape == (2, 2)


def test_a_cycle_is_named_where_none_is_due_and_fine_elsewhere():
    graph = Structure.of_edges(6, [(0, 1), (1, 2), (2, 3), (3, 1), (3, 4), (5, 1)])
    x = torch.ones(6, 1)
    assert SumOfSources(Vectors(1), 1)(x, graph).flatten().tolist() == [1, 4, 2, 2, 2, 1]
    with pytest.raises(ValueError, match="the edges form a cycle, 1 -> 2 -> 3 -> 1; this layer needs none"):
        SumOfSourcesWithoutCycles(Vectors(1), 1)(x, graph)
    with pytest.raises(ValueError, match="cycle, 0 -> 0"):
        SumOfSourcesWithoutCycles(Vectors(1), 1)(torch.ones(1, 1), Structure.of_edges(1, [(0, 0)]))


def test_the_input_must_fit_the_structure_and_the_structure_the_layer():
    layer, chain = SumOfSources(Vectors(3), 3), Structure.of_chains([4])
    for shape in ((5, 3), (4, 2), (4,), (1, 4, 3)):
        with pytest.raises(ValueError, match=r"SumOfSources reads \(4, 3\) for this structure, a row a node"):
            layer(torch.zeros(shape), chain)
    with pytest.raises(ValueError, match=r"reads \(4,\)"):
        SumOfSources(Tokens(3), 1)(torch.zeros(4, 1), chain)
    with pytest.raises(ValueError, match=r"x is on meta, the structure on cpu; pass structure.to\(x.device\)"):
        layer(torch.zeros(4, 3, device="meta"), chain)
    layer.edge_kinds = 2
    with pytest.raises(ValueError, match="tells 2 kinds of edges apart, got an edge of kind 2"):
        layer(torch.zeros(4, 3), Structure.of_edges(4, [(0, 1)], kinds=[2]))


def test_forward_is_final():
    with pytest.raises(TypeError, match="Wrong overrides forward, which is final; define _encode"):

        class Wrong(SumOfSources):
            def forward(self, x, structure):  # type: ignore[misc]
                return x
