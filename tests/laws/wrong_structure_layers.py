"""Layers of trees and graphs that are wrong on purpose. ``RightTree`` and ``RightGraph`` are right."""

import torch
from torch import Tensor, nn

from statewise.contract import SequenceLayer, Structure, StructureLayer, Vectors, bottom_up


class RightGraph(StructureLayer):
    """y_v = W tanh(x_v + sum of P_k x_u over edges u -> v): keeps every law."""

    edge_kinds = 2

    def __init__(self) -> None:
        super().__init__(Vectors(3), output_size=4)
        generator = torch.Generator().manual_seed(0)
        self.weight = nn.Parameter(torch.randn(4, 3, generator=generator))
        self.said = nn.Parameter(torch.randn(2, 3, 3, generator=generator))

    def _encode(self, x: Tensor, structure: Structure) -> Tensor:
        return (x + self.heard(x, structure)).tanh() @ self.weight.T

    def heard(self, x: Tensor, structure: Structure) -> Tensor:
        sources, targets = structure.edges
        messages = torch.einsum("eij,ej->ei", self.said[structure.kinds], x[sources])
        return messages.new_zeros(len(x), 3).index_add(0, targets, messages)


class RightTree(StructureLayer):
    """h_v = tanh(W x_v + a * sum of h_u over edges u -> v), y = h: keeps every law."""

    acyclic = True

    def __init__(self) -> None:
        super().__init__(Vectors(3), output_size=4)
        generator = torch.Generator().manual_seed(0)
        self.weight = nn.Parameter(torch.randn(4, 3, generator=generator))
        self.keep = nn.Parameter(torch.rand(4, generator=generator))

    def _encode(self, x: Tensor, structure: Structure) -> Tensor:
        return bottom_up(structure.levels, self.node, x @ self.weight.T, self.zeros(0, 4))

    def node(self, own: Tensor, sources: Tensor, targets: Tensor) -> Tensor:
        return (own + self.keep * sources.new_zeros(len(own), 4).index_add(0, targets, sources)).tanh()

    def chain_twin(self) -> SequenceLayer:
        return _Twin(self)


class _Twin(SequenceLayer):
    def __init__(self, layer: RightTree) -> None:
        super().__init__(layer.input_form, layer.output_size)
        self.weight, self.keep = layer.weight, layer.keep

    def initial_state(self, batch_size: int) -> Tensor:
        return self.zeros(batch_size, 4)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        h = (x @ self.weight.T + self.keep * state).tanh()
        return h, h


# Form


class OneRowAStructure(RightGraph):
    def _encode(self, x: Tensor, structure: Structure) -> Tensor:
        y = super()._encode(x, structure)
        return y.new_zeros(structure.count, 4).index_add(0, structure.graph, y)


class NothingIsTooLittle(RightGraph):
    """The largest of no numbers."""

    def _encode(self, x: Tensor, structure: Structure) -> Tensor:
        return super()._encode(x, structure) / (1 + structure.kinds.max())


# Memory


class InputInPlace(RightGraph):
    def _encode(self, x: Tensor, structure: Structure) -> Tensor:
        return super()._encode(x.mul_(2), structure)


class StructureInPlace(RightGraph):
    """Self-loops by overwriting the caller's edges."""

    def _encode(self, x: Tensor, structure: Structure) -> Tensor:
        y = super()._encode(x, structure)
        structure.kinds.zero_()
        return y


class ScheduleOfTheFirstCall(RightTree):
    """Caches what depends on the structure by the number of nodes."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def _encode(self, x: Tensor, structure: Structure) -> Tensor:
        self.calls += 1
        return super()._encode(x, structure) / self.calls


# Structures that see each other


class NormalisedOverTheBatch(RightGraph):
    def heard(self, x: Tensor, structure: Structure) -> Tensor:
        heard = super().heard(x, structure)
        return heard - heard.mean(0)


class ScaledByTheLargestDegree(RightGraph):
    def heard(self, x: Tensor, structure: Structure) -> Tensor:
        degree = torch.bincount(structure.edges[1], minlength=1).max().clamp(min=1)
        return super().heard(x, structure) / degree


class DenseAdjacency(RightGraph):
    """0 * NaN = NaN: a dense matrix over the whole batch."""

    def heard(self, x: Tensor, structure: Structure) -> Tensor:
        adjacency = x.new_zeros(2, len(x), len(x))
        adjacency[structure.kinds, structure.edges[1], structure.edges[0]] = 1.0
        return torch.einsum("kvu,kij,uj->vi", adjacency, self.said, x)


# Names


class LaterEdgesCountMore(RightTree):
    """Fine where children have an order and its kind says so, but the place in a list of edges is none."""

    def node(self, own: Tensor, sources: Tensor, targets: Tensor) -> Tensor:
        place = torch.arange(len(targets)) - torch.searchsorted(targets, targets)
        return super().node(own, sources * (1 + place).to(sources.dtype).unsqueeze(1), targets)


class PositionsByNumber(RightGraph):
    """Node numbers within the structure as a feature."""

    def _encode(self, x: Tensor, structure: Structure) -> Tensor:
        first = torch.full((structure.count,), len(x)).scatter_reduce(0, structure.graph, torch.arange(len(x)), "amin")
        number = torch.arange(len(x)) - first[structure.graph]
        return super()._encode(x + number.to(x.dtype).unsqueeze(1), structure)


class LastEdgeWins(RightGraph):
    """Assigned where it should be added up."""

    def heard(self, x: Tensor, structure: Structure) -> Tensor:
        sources, targets = structure.edges
        messages = torch.einsum("eij,ej->ei", self.said[structure.kinds], x[sources])
        heard = torch.zeros_like(x)
        for target, message in zip(targets.tolist(), messages.unbind(0), strict=True):
            heard = heard.index_copy(0, torch.tensor([target]), message.unsqueeze(0))
        return heard


# What is read


class DeafToEdges(RightGraph):
    def heard(self, x: Tensor, structure: Structure) -> Tensor:
        return x @ self.said.sum(0).T


class DeafToKinds(RightGraph):
    def heard(self, x: Tensor, structure: Structure) -> Tensor:
        sources, targets = structure.edges
        return torch.zeros_like(x).index_add(0, targets, x[sources] @ self.said.sum(0).T)


class OthersOnly(RightGraph):
    """DGL's Tree-LSTM lost the input at inner nodes; here every node loses its own."""

    def _encode(self, x: Tensor, structure: Structure) -> Tensor:
        return (1 + self.heard(x, structure)).tanh() @ self.weight.T


# Chains


class MemoryOfTheRootForgotten(RightTree):
    """A decay by depth, which no chain of the recurrent layer has."""

    def node(self, own: Tensor, sources: Tensor, targets: Tensor) -> Tensor:
        return super().node(own, 0.5 * sources, targets)


class TopDown(RightTree):
    """Edges read from parent to child."""

    def _encode(self, x: Tensor, structure: Structure) -> Tensor:
        turned = Structure(structure.edges.flip(0), structure.graph, structure.kinds, structure.count)
        return super()._encode(x, turned)


# Weights


class ShadowParameters(RightGraph):
    """Weights on a list beside the registered ones."""

    def __init__(self) -> None:
        super().__init__()
        self.shadow = [self.weight]

    def _encode(self, x: Tensor, structure: Structure) -> Tensor:
        return (x + self.heard(x, structure)).tanh() @ self.shadow[0].T


class ParameterForgotten(RightGraph):
    def __init__(self) -> None:
        super().__init__()
        self.forgotten = nn.Parameter(torch.ones(2))


class MessagesCut(RightGraph):
    def heard(self, x: Tensor, structure: Structure) -> Tensor:
        return super().heard(x.detach(), structure)


class OverflowsInSinglePrecision(RightGraph):
    def heard(self, x: Tensor, structure: Structure) -> Tensor:
        return (super().heard(x, structure) + 100).exp().log() - 100
