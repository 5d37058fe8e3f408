"""In which order the nodes of a graph without cycles are worked through: all that can go, at once."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from statewise import tree
from statewise.tree import State


class Level(NamedTuple):
    """Nodes that can be worked out together, because all their sources are done: n nodes with e edges into them."""

    nodes: Tensor
    """(n,): their numbers"""
    sources: Tensor
    """(e,): for each edge, where its source stands in what the levels before have kept"""
    targets: Tensor
    """(e,): for each edge, to which of the n nodes it leads"""
    kept: Tensor
    """(k,): what later levels read, as places in what was kept so far with these n nodes after it"""


def bottom_up(
    levels: Sequence[Level], node: Callable[[Tensor, State, Tensor], State], x: Tensor, empty: State
) -> State:
    """The state of every node, made from its own input and the states of its sources.

    Only what is still to be read is carried from level to level: time and memory grow with nodes and edges, not with
    nodes times depth.

    Args:
        levels: the schedule of a structure.
        node: ``node(x, sources, targets) -> state`` of n nodes, from their inputs ``(n, ...)``, the states of the
            sources of all e edges into them, and the place of each edge's target among the n, ``(e,)``.
        x: the inputs of all nodes, ``(nodes, ...)``.
        empty: a state of no nodes, ``(0, ...)`` in every leaf; states have its dtypes, under autocast too.

    Returns:
        The states of all nodes, in the order of ``x``.

    How high each node of the chain 0 -> 1 -> 2 stands:

    >>> def height(x, sources, targets):
    ...     return x.index_add(0, targets, sources + 1)
    >>> levels = schedule(torch.tensor([[0, 1], [1, 2]]), nodes=3)
    >>> bottom_up(levels, height, torch.zeros(3), torch.zeros(0))
    tensor([0., 1., 2.])
    """
    if not levels:
        return empty
    order = torch.cat([level.nodes for level in levels])
    inputs = x.index_select(0, order).split([len(level.nodes) for level in levels])
    kept, done = empty, []
    for level, own in zip(levels, inputs, strict=True):
        new = tree.cast_like(node(own, _select(kept, level.sources), level.targets), empty)
        done.append(new)
        kept = _select(tree.cat([kept, new]), level.kept)
    return _select(tree.cat(done), _inverse(order))


def schedule(edges: Tensor, nodes: int) -> tuple[Level, ...]:
    """The levels of a graph without cycles, sources first, each node as late as its targets allow.

    In a tree the levels are the distances from the root, the farthest first, so that all children of a level stand in
    the level just before. There are no more levels than the longest path has nodes.

    Args:
        edges: ``(2, E)``, source and target of each.
        nodes: how many nodes there are.

    Raises:
        ValueError: if the edges form a cycle; the message names it.

    >>> [level.nodes.tolist() for level in schedule(torch.tensor([[0, 1, 3], [2, 2, 2]]), nodes=4)]
    [[0, 1, 3], [2]]
    """
    device, edges = edges.device, edges.cpu()
    distance = _distances(edges, nodes)
    if bool((distance < 0).any()):
        cycle = _cycle(edges[:, (distance[edges] < 0).all(dim=0)])
        raise ValueError(f"the edges form a cycle, {' -> '.join(str(node) for node in cycle)}; this layer needs none")
    depth = int(distance.max()) + 1 if nodes else 0
    level = depth - 1 - distance
    order = level.argsort(stable=True)
    start = _starts(torch.bincount(level, minlength=depth))
    place = _inverse(order) - start[level]
    waits = _Waiting(edges, level, place, order, depth)
    into = _inverse(order)[edges[1]].argsort(stable=True)
    sources, targets = edges[:, into]
    columns = (
        (order, level[order]),
        (waits.place_of(sources, level[targets] - 1), level[targets]),
        (place[targets], level[targets]),
        (waits.kept, waits.kept_level),
    )
    cut = (values.to(device).split(torch.bincount(at, minlength=depth).tolist()) for values, at in columns)
    return tuple(Level(*parts) for parts in zip(*cut, strict=True)) if depth else ()


class _Waiting:
    """Which nodes are still to be read after which level, and where each stands among them.

    A node waits from its own level up to the one before its last target's; one such (node, level) is a wait. What waits
    after a level stands in the order in which it was worked out.
    """

    def __init__(self, edges: Tensor, level: Tensor, place: Tensor, order: Tensor, depth: int) -> None:
        sources, targets = edges
        last_read = level.scatter_reduce(0, sources, level[targets], "amax")
        count = (last_read - level)[order]
        node = order.repeat_interleave(count)
        after = level[node] + _ranges(torch.zeros_like(count), count)
        by_level = after.argsort(stable=True)
        size = torch.bincount(after, minlength=depth)
        self._level = level
        self._first = torch.empty_like(order).index_copy(0, order, _starts(count))
        self._place = _inverse(by_level) - _starts(size)[after]
        before = torch.cat([size.new_zeros(1), size])[after]
        is_new = after == level[node]
        held = torch.where(is_new, before + place[node], self._place.roll(1))
        self.kept = held[by_level]
        self.kept_level = after[by_level]

    def place_of(self, node: Tensor, after: Tensor) -> Tensor:
        """Where ``node`` stands among what waits after the level ``after``."""
        return self._place[self._first[node] + after - self._level[node]]


def _distances(edges: Tensor, nodes: int) -> Tensor:
    """How many edges the longest path from each node has; -1 where it never ends or leads into a cycle."""
    sources, targets = edges
    by_target = sources[targets.argsort(stable=True)]
    arriving = torch.bincount(targets, minlength=nodes)
    first = _starts(arriving)
    unread = torch.bincount(sources, minlength=nodes)
    distance = torch.full((nodes,), -1)
    front, steps = (unread == 0).nonzero().flatten(), 0
    while front.numel():
        distance[front] = steps
        found = by_target[_ranges(first[front], arriving[front])]
        unread.index_add_(0, found, torch.full_like(found, -1))
        front, steps = found[unread[found] == 0].unique(), steps + 1
    return distance


def _cycle(edges: Tensor) -> list[int]:
    """One cycle, from a node back to it, among edges each of which leads to another of them."""
    onward = dict(zip(*edges.tolist(), strict=True))
    node, path = min(onward), []
    while node not in path:
        path.append(node)
        node = onward[node]
    return [*path[path.index(node) :], node]


def _select(state: State, rows: Tensor) -> State:
    return tree.map(lambda leaf: leaf.index_select(0, rows), state)


def _inverse(order: Tensor) -> Tensor:
    """The permutation that undoes ``order``."""
    return torch.empty_like(order).index_copy(0, order, torch.arange(len(order), device=order.device))


def _starts(sizes: Tensor) -> Tensor:
    """Where each of several groups laid end to end begins."""
    return sizes.cumsum(0) - sizes


def _ranges(first: Tensor, counts: Tensor) -> Tensor:
    """``first[i], first[i] + 1, ...``, ``counts[i]`` numbers, for every i, laid end to end."""
    offsets = torch.arange(int(counts.sum())) - _starts(counts).repeat_interleave(counts)
    return first.repeat_interleave(counts) + offsets
