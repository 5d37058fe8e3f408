"""The laws of layers that read trees and graphs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from statewise.contract import Structure, StructureLayer, Tokens, example_values
from statewise.laws.broken import Fault, demand_equal, difference, naming
from statewise.laws.structures import example_parts, relabelled
from statewise.laws.subject import examined
from statewise.laws.whole import demand_pure, gradients, parameters_are_the_truth, precisions

CHAINS = (1, 4, 9)
"""Lengths of the chains on which a layer is compared with its recurrent twin"""


@dataclass(frozen=True)
class StructureSubject:
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
        studied = examined(layer, seed=seed)
        parts = example_parts(studied, seed)
        structure = Structure.batch(parts)
        STRUCTURE_LAWS[name](StructureSubject(studied, _values(studied, structure.nodes, seed), structure, parts, seed))


def contract(subject: StructureSubject) -> None:
    """A row of the right width and dtype a node; batches without structures and structures without nodes are fine."""
    layer = subject.layer
    tried = {
        "a batch": subject.structure,
        "one node": Structure.of_parents([-1]),
        "no structure": Structure.batch([]),
        "structures without nodes": Structure.of_chains([0, 0]),
    }
    for place, structure in tried.items():
        y = layer(_values(layer, structure.nodes, subject.seed), structure)
        expected = (structure.nodes, layer.output_size)
        if tuple(y.shape) != expected or y.dtype != torch.float64:
            raise Fault(f"{place} gives {tuple(y.shape)} {y.dtype}, expected {expected} torch.float64")


def pure(subject: StructureSubject) -> None:
    """Twice the same; input, structure, weights and buffers untouched; nothing remembered elsewhere."""

    def things() -> dict[str, object]:
        told = {name: getattr(subject.structure, name) for name in ("edges", "graph", "kinds")}
        return {"input": subject.x, "structure": told}

    demand_pure(subject, things, (_values(subject.layer, 5, subject.seed + 1), Structure.of_chains([2, 3])))


def reads(subject: StructureSubject) -> None:
    """A node's output depends on its own input, on its edges, and on their kinds where the layer tells them apart."""
    layer, x = subject.layer, subject.x
    y = layer(x, subject.structure)
    for node in range(0, subject.structure.nodes, 3):
        if difference(y[node].detach(), layer(_changed(layer, x, [node]), subject.structure)[node].detach()) == 0:
            raise Fault(f"the output of node {node} does not depend on its input")
    edgeless = Structure.batch([Structure.of_edges(part.nodes, []) for part in subject.parts])
    if difference(y.detach(), layer(x, edgeless).detach()) == 0:
        raise Fault("the outputs are the same without edges")
    if layer.edge_kinds is not None and layer.edge_kinds > 1:
        other = replace(subject.structure, kinds=(subject.structure.kinds + 1) % layer.edge_kinds)
        if difference(y.detach(), layer(x, other).detach()) == 0:
            raise Fault("the outputs are the same with edges of other kinds")


def relabelling(subject: StructureSubject) -> None:
    """What nodes are called and in which order edges stand does not matter: outputs move with their nodes."""
    generator = torch.Generator().manual_seed(subject.seed + 3)
    y = subject.layer(subject.x, subject.structure)
    order = torch.randperm(subject.structure.nodes, generator=generator)
    moved = subject.layer(subject.x[order], relabelled(subject.structure, order))
    demand_equal("nodes in another order: output", y[order], moved)
    shuffled = torch.randperm(subject.structure.edges.shape[1], generator=generator)
    edges, kinds = subject.structure.edges[:, shuffled], subject.structure.kinds[shuffled]
    same = replace(subject.structure, edges=edges, kinds=kinds)
    demand_equal("edges in another order: output", y, subject.layer(subject.x, same))


def one_by_one(subject: StructureSubject) -> None:
    """A structure gives the same in company and alone."""
    y = subject.layer(subject.x, subject.structure)
    rows = [len(part.graph) for part in subject.parts]
    for number, (part, own, expected) in enumerate(
        zip(subject.parts, subject.x.split(rows), y.split(rows), strict=True)
    ):
        demand_equal(f"structure {number} alone: output", expected, subject.layer(own, part))


def independent(subject: StructureSubject) -> None:
    """Large and NaN inputs of one structure leave all others as they were."""
    if isinstance(subject.layer.input_form, Tokens):
        return
    y = subject.layer(subject.x, subject.structure)
    for number in range(len(subject.parts)):
        others = subject.structure.graph != number
        for value in (1e6, float("nan")):
            poisoned = torch.where(others.unsqueeze(1), subject.x, value)
            found = subject.layer(poisoned, subject.structure)
            demand_equal(f"beside {value} in structure {number}: output", y[others], found[others])


def chain(subject: StructureSubject) -> None:
    """On chains the layer is its recurrent twin, where it names one."""
    twin = subject.layer.chain_twin()
    if twin is None:
        return
    x = _values(subject.layer, sum(CHAINS), subject.seed + 4)
    found = subject.layer(x, Structure.of_chains(CHAINS))
    for length, own, outputs in zip(CHAINS, x.split(CHAINS), found.split(CHAINS), strict=True):
        expected, _ = twin(own.unsqueeze(0))
        demand_equal(f"{length} nodes: output", expected[0], outputs)


STRUCTURE_LAWS: Mapping[str, Callable[[StructureSubject], None]] = {
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
