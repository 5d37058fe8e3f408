"""Structures on which the laws are tried: trees, a chain, nothing, one node, and the most tangled a layer takes."""

from dataclasses import replace

import torch
from torch import Tensor

from statewise.contract import Structure, StructureLayer

SHARED = ((0, 1), (0, 2), (1, 3), (2, 3), (0, 3), (3, 4))
"""No cycle, but shared parts and an edge past two levels"""
TANGLED = ((0, 1), (1, 2), (2, 0), (2, 1), (3, 3), (3, 0))
"""A cycle, an edge both ways, one from a node to itself; the last two of 6 nodes stand alone"""


def example_parts(layer: StructureLayer, seed: int) -> tuple[Structure, ...]:
    """Structures that ``layer`` takes, their nodes in random order, their edges of all kinds that it tells apart."""
    generator = torch.Generator().manual_seed(seed)
    parts = (
        Structure.of_parents([4, 4, 5, 5, 5, -1]),
        Structure.of_chains([0]),
        Structure.of_parents([-1]),
        Structure.of_chains([4]),
        Structure.of_edges(5, SHARED) if layer.acyclic else Structure.of_edges(6, TANGLED),
    )
    return tuple(_disguised(part, layer.edge_kinds or 2, generator) for part in parts)


def relabelled(structure: Structure, order: Tensor) -> Structure:
    """The same structure, its new node i being the old node ``order[i]``."""
    number = torch.empty_like(order).index_copy(0, order, torch.arange(len(order)))
    return replace(structure, edges=number[structure.edges], graph=structure.graph[order])


def _disguised(part: Structure, kinds: int, generator: torch.Generator) -> Structure:
    drawn = torch.randint(kinds, part.kinds.shape, generator=generator)
    return relabelled(replace(part, kinds=drawn), torch.randperm(part.nodes, generator=generator))
