"""The laws of layers that read trees and graphs."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from statewise.contract import Structure, StructureLayer, Tokens, example_values
from statewise.laws.broken import LawBroken, demand_equal, difference, naming
from statewise.laws.structures import example_parts, relabelled
from statewise.laws.subject import randomise_zeros
from statewise.laws.whole import demand_pure, gradients, parameters_are_the_truth, precisions

CHAINS = (1, 4, 9)
"""Lengths of the chains on which a layer is compared with its recurrent twin"""


@dataclass(frozen=True)
class Bench:
    """A layer under examination, in float64, with a batch of structures: ``parts`` laid end to end."""

    layer: StructureLayer
    x: Tensor
    structure: Structure
    parts: tuple[Structure, ...]
    seed: int

    @property
    def arguments(self) -> tuple[Tensor, Structure]:
        """What the layer is called with."""
        return self.x, self.structure


def check_structure(layer: StructureLayer, seed: int) -> None:
    """Raise ``LawBroken`` at the first law of structures that ``layer`` breaks."""
    for name in STRUCTURE_LAWS:
        check_structure_law(name, layer, seed)


def check_structure_law(name: str, layer: StructureLayer, seed: int = 0) -> None:
    """Try ``layer`` on the one law ``name``; whatever goes wrong in it is reported as that law broken."""
    with naming(name):
        studied = copy.deepcopy(layer).double().eval()
        randomise_zeros(studied, seed)
        parts = example_parts(studied, seed)
        structure = Structure.batch(parts)
        STRUCTURE_LAWS[name](Bench(studied, _values(studied, structure.nodes, seed), structure, parts, seed))


def contract(bench: Bench) -> None:
    """A row of the right width and dtype a node; batches without structures and structures without nodes are fine."""
    layer = bench.layer
    tried = {
        "a batch": bench.structure,
        "one node": Structure.of_parents([-1]),
        "no structure": Structure.batch([]),
        "structures without nodes": Structure.of_chains([0, 0]),
    }
    for place, structure in tried.items():
        y = layer(_values(layer, structure.nodes, bench.seed), structure)
        expected = (structure.nodes, layer.output_size)
        if tuple(y.shape) != expected or y.dtype != torch.float64:
            raise LawBroken("contract", f"{place} gives {tuple(y.shape)} {y.dtype}, expected {expected} torch.float64")


def pure(bench: Bench) -> None:
    """Twice the same; input, structure, weights and buffers untouched; nothing remembered elsewhere."""

    def things() -> dict[str, object]:
        told = {name: getattr(bench.structure, name) for name in ("edges", "graph", "kinds")}
        return {"input": bench.x, "structure": told}

    demand_pure(bench, things, (_values(bench.layer, 5, bench.seed + 1), Structure.of_chains([2, 3])))


def reads(bench: Bench) -> None:
    """A node's output depends on its own input, on its edges, and on their kinds where the layer tells them apart."""
    layer, x = bench.layer, bench.x
    y = layer(x, bench.structure)
    for node in range(0, bench.structure.nodes, 3):
        if difference(y[node].detach(), layer(_changed(layer, x, [node]), bench.structure)[node].detach()) == 0:
            raise LawBroken("reads", f"the output of node {node} does not depend on its input")
    edgeless = Structure.batch([Structure.of_edges(part.nodes, []) for part in bench.parts])
    if difference(y.detach(), layer(x, edgeless).detach()) == 0:
        raise LawBroken("reads", "the outputs are the same without edges")
    if layer.edge_kinds is not None and layer.edge_kinds > 1:
        other = replace(bench.structure, kinds=(bench.structure.kinds + 1) % layer.edge_kinds)
        if difference(y.detach(), layer(x, other).detach()) == 0:
            raise LawBroken("reads", "the outputs are the same with edges of other kinds")


def relabelling(bench: Bench) -> None:
    """What nodes are called and in which order edges stand does not matter: outputs move with their nodes."""
    law = "relabelling permutes"
    generator = torch.Generator().manual_seed(bench.seed + 3)
    y = bench.layer(bench.x, bench.structure)
    order = torch.randperm(bench.structure.nodes, generator=generator)
    moved = bench.layer(bench.x[order], relabelled(bench.structure, order))
    demand_equal(law, "nodes in another order: output", y[order], moved)
    shuffled = torch.randperm(bench.structure.edges.shape[1], generator=generator)
    edges, kinds = bench.structure.edges[:, shuffled], bench.structure.kinds[shuffled]
    same = replace(bench.structure, edges=edges, kinds=kinds)
    demand_equal(law, "edges in another order: output", y, bench.layer(bench.x, same))


def one_by_one(bench: Bench) -> None:
    """A structure gives the same in company and alone."""
    y = bench.layer(bench.x, bench.structure)
    rows = [len(part.graph) for part in bench.parts]
    for number, (part, own, expected) in enumerate(zip(bench.parts, bench.x.split(rows), y.split(rows), strict=True)):
        demand_equal("batch = one by one", f"structure {number} alone: output", expected, bench.layer(own, part))


def independent(bench: Bench) -> None:
    """Large and NaN inputs of one structure leave all others as they were."""
    if isinstance(bench.layer.input_form, Tokens):
        return
    y = bench.layer(bench.x, bench.structure)
    for number in range(len(bench.parts)):
        others = bench.structure.graph != number
        for value in (1e6, float("nan")):
            poisoned = torch.where(others.unsqueeze(1), bench.x, value)
            found = bench.layer(poisoned, bench.structure)
            demand_equal(
                "structures are independent", f"beside {value} in structure {number}: output", y[others], found[others]
            )


def chain(bench: Bench) -> None:
    """On chains the layer is its recurrent twin, where it names one."""
    twin = bench.layer.chain_twin()
    if twin is None:
        return
    x = _values(bench.layer, sum(CHAINS), bench.seed + 4)
    found = bench.layer(x, Structure.of_chains(CHAINS))
    for length, own, outputs in zip(CHAINS, x.split(CHAINS), found.split(CHAINS), strict=True):
        expected, _ = twin(own.unsqueeze(0))
        demand_equal("a chain equals the recurrent layer", f"{length} nodes: output", expected[0], outputs)


STRUCTURE_LAWS: Mapping[str, Callable[[Bench], None]] = {
    "contract": contract,
    "pure": pure,
    "batch = one by one": one_by_one,
    "structures are independent": independent,
    "relabelling permutes": relabelling,
    "reads": reads,
    "a chain equals the recurrent layer": chain,
    "parameters are the whole truth": parameters_are_the_truth,
    "gradients": gradients,
    "precisions": precisions,
}
"""Name of each law of structures -> the function that tries it; from the narrow to the broad."""


def _values(layer: StructureLayer, nodes: int, seed: int) -> Tensor:
    """Random tokens ``(nodes,)`` or normal vectors ``(nodes, D)``."""
    return example_values(layer.input_form, (nodes,), layer, seed=seed)


def _changed(layer: StructureLayer, x: Tensor, nodes: list[int]) -> Tensor:
    index = torch.tensor(nodes)
    other = (x[index] + 1) % layer.input_form.vocabulary if isinstance(layer.input_form, Tokens) else x[index] + 1
    return x.index_copy(0, index, other)
