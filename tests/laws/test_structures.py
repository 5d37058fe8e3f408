"""The laws of layers that read trees and graphs: kept by what is right, and each planted fault noticed and named."""

import inspect

import pytest
import torch
from torch import Tensor, nn

from statewise import laws
from statewise.catalog import CATALOG
from statewise.contract import Structure, StructureLayer, Tokens
from statewise.laws.structure import STRUCTURE_LAWS

from . import wrong_structure_layers as wrong

CONTRACT, PURE, ALONE, APART = "contract", "pure", "batch = one by one", "structures are independent"
NAMES, READS, CHAIN = "relabelling permutes", "reads", "a chain equals the recurrent layer"
TRUTH, GRADIENTS, PRECISIONS = "parameters are the whole truth", "gradients", "precisions"

FAULTS = [
    (wrong.OneRowAStructure, CONTRACT, "a batch gives (5, 4) torch.float64, expected (17, 4)"),
    (wrong.NothingIsTooLittle, CONTRACT, "max()"),
    (wrong.InputInPlace, PURE, "a call changes the input"),
    (wrong.StructureInPlace, PURE, "a call changes the structure['kinds']"),
    (wrong.ScheduleOfTheFirstCall, PURE, "the same call twice"),
    (wrong.NormalisedOverTheBatch, ALONE, "structure 0 alone"),
    (wrong.ScaledByTheLargestDegree, ALONE, "structure 3 alone"),
    (wrong.DenseAdjacency, APART, "beside nan in structure 0"),
    (wrong.LaterEdgesCountMore, NAMES, "edges in another order"),
    (wrong.PositionsByNumber, NAMES, "nodes in another order"),
    (wrong.LastEdgeWins, NAMES, "edges in another order"),
    (wrong.DeafToEdges, READS, "the outputs are the same without edges"),
    (wrong.DeafToKinds, READS, "the outputs are the same with edges of other kinds"),
    (wrong.OthersOnly, READS, "the output of node 0 does not depend on its input"),
    (wrong.MemoryOfTheRootForgotten, CHAIN, "4 nodes: output"),
    (wrong.TopDown, CHAIN, "4 nodes: output"),
    (wrong.ShadowParameters, TRUTH, "functional_call: output"),
    (wrong.ParameterForgotten, GRADIENTS, "parameter 'forgotten' is never reached"),
    (wrong.MessagesCut, GRADIENTS, "the derivative in the input"),
    (wrong.OverflowsInSinglePrecision, PRECISIONS, "in torch.float32 differs from float64"),
]
"""The layer, the law that notices it first, and the place that the message names"""


@pytest.mark.parametrize(("kind", "law", "place"), FAULTS, ids=[kind.__name__ for kind, _, _ in FAULTS])
def test_the_fault_is_noticed_and_named(kind: type[StructureLayer], law: str, place: str):
    with pytest.raises(laws.LawBroken) as caught:
        laws.check(kind())
    assert caught.value.law == law
    assert place in str(caught.value)


@pytest.mark.parametrize("kind", [wrong.RightGraph, wrong.RightTree])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_what_the_faults_break_was_right(kind: type[StructureLayer], seed: int):
    laws.check(kind(), seed=seed)


class OfTokens(wrong.RightGraph):
    """The same, its nodes carrying one of 7 words."""

    def __init__(self) -> None:
        super().__init__()
        self.input_form = Tokens(7)
        self.embedding = nn.Embedding(7, 3)

    def _encode(self, x: Tensor, structure: Structure) -> Tensor:
        return super()._encode(self.embedding(x), structure)


def test_nodes_may_carry_tokens():
    torch.manual_seed(0)
    laws.check(OfTokens())


def test_every_wrong_layer_is_tried_and_every_law_notices_something():
    written = {
        kind
        for _, kind in inspect.getmembers(wrong, inspect.isclass)
        if issubclass(kind, StructureLayer) and kind is not StructureLayer
    }
    assert written - {wrong.RightGraph, wrong.RightTree} == {kind for kind, _, _ in FAULTS}
    assert {law for _, law, _ in FAULTS} == set(STRUCTURE_LAWS)


@pytest.mark.parametrize("name", [name for name, e in CATALOG.items() if issubclass(e.layer, StructureLayer)])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_layers_of_the_catalog_keep_the_laws(name: str, seed: int):
    torch.manual_seed(seed)
    entry = CATALOG[name]
    laws.check(entry.layer(**entry.small), seed=seed)


def test_the_laws_leave_the_layer_alone():
    layer = wrong.RightTree()
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    laws.check(layer)
    assert all(torch.equal(before[name], value) for name, value in layer.state_dict().items())
    assert layer(torch.zeros(1, 3), Structure.of_parents([-1])).dtype == torch.float32
