"""The contract of what reads trees and graphs: y = layer(x, structure)."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self, final

import torch
from torch import Tensor

from statewise.contract.inputs import InputForm, Tokens
from statewise.contract.placed import Placed
from statewise.contract.schedule import Level, schedule
from statewise.contract.sequence import SequenceLayer
from statewise.contract.weights import weights_held


@dataclass(frozen=True, eq=False)
class Structure:
    """A batch of trees or graphs, their nodes laid end to end: who is connected with whom, and who belongs together.

    Nodes are numbered through the whole batch; their order is free. In a tree, edges lead from child to parent. An
    undirected edge is two, one each way (``undirected``).

    Make one with ``of_parents``, ``of_chains`` or ``of_edges``; put several into one with ``batch``.

    Raises:
        ValueError: if a shape or dtype is wrong, a number is out of range, an edge leads from one structure to another
            or stands twice; the message names the first one.

    >>> tree = Structure.of_parents([2, 2, -1])
    >>> both = Structure.batch([tree, Structure.of_chains([2])])
    >>> both.edges.tolist(), both.graph.tolist(), both.roots.tolist()
    ([[0, 1, 3], [2, 2, 4]], [0, 0, 0, 1, 1], [2, 4])
    """

    edges: Tensor
    """(2, E) int64: source and target of each edge, numbers of nodes"""
    graph: Tensor
    """(nodes,) int64: to which structure of the batch each node belongs"""
    kinds: Tensor
    """(E,) int64: of which kind each edge is, from 0; a bond, a relation, the place of a child"""
    count: int
    """How many structures the batch has; some may have no nodes"""

    def __post_init__(self) -> None:
        _demand_integers("edges", self.edges, (2, self.edges.shape[-1] if self.edges.dim() else 0))
        _demand_integers("graph", self.graph, (self.graph.numel(),))
        _demand_integers("kinds", self.kinds, (self.edges.shape[1],))
        _demand_range("edges", self.edges, self.nodes, "nodes")
        _demand_range("graph", self.graph, self.count, "structures")
        if self.kinds.numel() and int(self.kinds.min()) < 0:
            raise ValueError(f"kinds of edges are counted from 0, got {int(self.kinds.min())}")
        _demand_within(self.edges, self.graph)
        self._demand_once()

    @classmethod
    def of_edges(
        cls, nodes: int, edges: Sequence[tuple[int, int]] | Tensor, kinds: Sequence[int] | Tensor | None = None
    ) -> Self:
        """One graph of ``nodes`` nodes from its edges, a list of (source, target) or a tensor ``(2, E)``.

        >>> Structure.of_edges(3, [(0, 1), (1, 1)]).edges.tolist()
        [[0, 1], [1, 1]]
        """
        pairs = edges if isinstance(edges, Tensor) else _pairs(edges)
        told = (
            pairs.new_zeros(pairs.shape[-1:], dtype=torch.int64)
            if kinds is None
            else _integers("kinds", kinds).to(pairs.device)
        )
        return cls(pairs, torch.zeros(nodes, dtype=torch.int64, device=pairs.device), told, 1)

    @classmethod
    def of_parents(cls, parents: Sequence[int] | Tensor) -> Self:
        """One tree, or several side by side in one structure, from each node's parent, -1 where it has none.

        >>> Structure.of_parents([1, -1, 1]).edges.tolist()
        [[0, 2], [1, 1]]
        """
        above = _integers("parents", parents)
        if above.numel() and int(above.min()) < -1:
            raise ValueError(f"a parent is the number of a node, or -1 for none; got {int(above.min())}")
        children = (above >= 0).nonzero().flatten()
        return cls.of_edges(len(above), torch.stack([children, above[children]]))

    @classmethod
    def of_chains(cls, lengths: Sequence[int] | Tensor) -> Self:
        """One chain a length, 0 -> 1 -> 2 ...: sequences as the simplest trees, the last node the root.

        >>> Structure.of_chains([2, 0, 3]).edges.tolist()
        [[0, 2, 3], [1, 3, 4]]
        """
        sizes = _integers("lengths", lengths)
        if sizes.numel() and int(sizes.min()) < 0:
            raise ValueError(f"a chain has 0 nodes or more, got {int(sizes.min())}")
        graph = torch.arange(len(sizes), device=sizes.device).repeat_interleave(sizes)
        first = (graph[1:] == graph[:-1]).nonzero().flatten()
        return cls(torch.stack([first, first + 1]), graph, torch.zeros_like(first), len(sizes))

    @classmethod
    def batch(cls, parts: Sequence["Structure"]) -> Self:
        """Several structures, or batches of them, as one, in order; of none, the empty batch."""
        device = parts[0].edges.device if parts else torch.device("cpu")
        none = torch.zeros(2, 0, dtype=torch.int64, device=device)
        edges, graph, kinds, nodes, count = [none], [none[0]], [none[0]], 0, 0
        for part in parts:
            edges.append(part.edges + nodes)
            graph.append(part.graph + count)
            kinds.append(part.kinds)
            nodes, count = nodes + part.nodes, count + part.count
        return cls(torch.cat(edges, dim=1), torch.cat(graph), torch.cat(kinds), count)

    @property
    def nodes(self) -> int:
        """How many nodes the batch has."""
        return self.graph.numel()

    @property
    def roots(self) -> Tensor:
        """The nodes ``(R,)`` that no edge leaves: in a tree, its root."""
        leaves_some = torch.zeros_like(self.graph, dtype=torch.bool).index_fill(0, self.edges[0], True)
        return (~leaves_some).nonzero().flatten()

    @cached_property
    def levels(self) -> tuple[Level, ...]:
        """The schedule from the leaves up, worked out once.

        Raises:
            ValueError: if the edges form a cycle; the message names it.
        """
        return schedule(self.edges, self.nodes)

    def undirected(self) -> Self:
        """The same with every edge both ways; an edge from a node to itself stays one."""
        back = self.edges.flip(0)
        new = ~torch.isin(self._numbers(back), self._numbers(self.edges))
        edges = torch.cat([self.edges, back[:, new]], dim=1)
        return replace(self, edges=edges, kinds=torch.cat([self.kinds, self.kinds[new]]))

    def to(self, device: torch.device | str) -> Self:
        """The same on another device."""
        moved = {name: getattr(self, name).to(device) for name in ("edges", "graph", "kinds")}
        return replace(self, **moved)

    def _numbers(self, edges: Tensor) -> Tensor:
        """A number for each of E edges of these kinds, that two edges share if they are the same."""
        kinds = int(self.kinds.max()) + 1 if self.kinds.numel() else 1
        return (edges[0] * self.nodes + edges[1]) * kinds + self.kinds

    def _demand_once(self) -> None:
        told, order = self._numbers(self.edges).sort()
        again = (told[1:] == told[:-1]).nonzero().flatten()
        if again.numel():
            edge = int(order[again[0]])
            raise ValueError(f"edge {_arrow(self.edges, edge)} of kind {int(self.kinds[edge])} stands more than once")


class StructureLayer(Placed, ABC):
    """A map of the nodes of trees or graphs: ``y = layer(x, structure)``. Subclass it to make a layer of your own.

    Write ``_encode``. Structures of a batch do not see each other, and what a node is called does not matter.
    ``statewise.laws.check(layer)`` says whether that holds.

    >>> from statewise.contract import Structure, StructureLayer, Vectors
    >>> class SumOfSources(StructureLayer):
    ...     '''y_v = x_v + the sum of x_u over all edges u -> v'''
    ...     def __init__(self, *, input_size: int):
    ...         super().__init__(Vectors(input_size), output_size=input_size)
    ...     def _encode(self, x, structure):
    ...         sources, targets = structure.edges
    ...         return x.index_add(0, targets, x[sources])
    >>> SumOfSources(input_size=1)(torch.ones(3, 1), Structure.of_parents([2, 2, -1])).flatten()
    tensor([1., 1., 3.])
    """

    input_form: InputForm
    output_size: int
    acyclic: bool = False
    """Whether the layer is defined on structures without cycles alone: trees, and what shares subtrees."""
    edge_kinds: int | None = None
    """How many kinds of edges the layer tells apart; ``None``: it does not look at them."""

    def __init__(self, input_form: InputForm, output_size: int) -> None:
        super().__init__()
        self.input_form = input_form
        self.output_size = output_size

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "forward" in cls.__dict__:
            raise TypeError(f"{cls.__name__} overrides forward, which is final; define _encode")

    @abstractmethod
    def _encode(self, x: Tensor, structure: Structure) -> Tensor:
        """The outputs ``(nodes, d_out)``, a row a node, in the order of ``x``."""

    def chain_twin(self) -> SequenceLayer | None:
        """The sequence layer with this layer's weights that does the same on chains; ``None`` where there is none."""
        return None

    @final  # type: ignore[misc]  # torch declares forward as an attribute
    def forward(self, x: Tensor, structure: Structure) -> Tensor:
        """The outputs ``(nodes, d_out)`` of a batch of structures, in the dtype of x, or the layer's where x is tokens.

        Args:
            x: ``(nodes, d_in)`` for an input form of vectors, ``(nodes,)`` for tokens.
            structure: how the nodes hang together.

        Raises:
            ValueError: if ``x`` does not fit the layer or the structure, or the structure does not fit the layer.
        """
        name = type(self).__name__
        expected = (
            (structure.nodes,) if isinstance(self.input_form, Tokens) else (structure.nodes, self.input_form.size)
        )
        if tuple(x.shape) != expected:
            raise ValueError(f"{name} reads {expected} for this structure, a row a node, got shape {tuple(x.shape)}")
        if x.device != structure.edges.device:
            raise ValueError(
                f"x is on {x.device}, the structure on {structure.edges.device}; pass structure.to(x.device)"
            )
        highest = int(structure.kinds.max()) if structure.kinds.numel() else -1
        if self.edge_kinds is not None and highest >= self.edge_kinds:
            raise ValueError(
                f"{name} tells {self.edge_kinds} kinds of edges apart, got an edge of kind {highest} (counted from 0)"
            )
        if self.acyclic:
            _ = structure.levels
        with weights_held():
            return self.as_precise(self._encode(x, structure), x)


def _integers(name: str, values: Sequence[int] | Tensor) -> Tensor:
    found = values if isinstance(values, Tensor) or len(values) else torch.zeros(0, dtype=torch.int64)
    found = torch.as_tensor(found)
    if found.dim() != 1 or found.dtype != torch.int64:
        raise ValueError(f"{name} must be a list of integers, got {tuple(found.shape)} {found.dtype}")
    return found


def _pairs(edges: Sequence[tuple[int, int]]) -> Tensor:
    if any(len(edge) != 2 for edge in edges):
        raise ValueError("edges must be pairs (source, target); their kinds are a list beside them")
    ends = [end for edge in edges for end in edge]
    return _integers("edges", ends).view(-1, 2).T


def _demand_integers(name: str, values: Tensor, shape: tuple[int, ...]) -> None:
    if tuple(values.shape) != shape or values.dtype != torch.int64:
        wanted = {"edges": "(2, E) int64", "graph": "(nodes,) int64", "kinds": "(E,) int64, one an edge"}[name]
        raise ValueError(f"{name} must be {wanted}, got {tuple(values.shape)} {values.dtype}")


def _demand_range(name: str, values: Tensor, limit: int, things: str) -> None:
    if values.numel() and (int(values.min()) < 0 or int(values.max()) >= limit):
        worst = int(values.min()) if int(values.min()) < 0 else int(values.max())
        raise ValueError(f"{name} must hold numbers of the {limit} {things}, got {worst}; they are counted from 0")


def _demand_within(edges: Tensor, graph: Tensor) -> None:
    source, target = graph[edges]
    if bool((source != target).any()):
        first = int((source != target).nonzero()[0])
        raise ValueError(
            f"edge {_arrow(edges, first)} leads from structure {int(source[first])} to structure {int(target[first])}; "
            "number the nodes through the whole batch, or let Structure.batch do it"
        )


def _arrow(edges: Tensor, number: int) -> str:
    return f"{int(edges[0, number])} -> {int(edges[1, number])}"
