"""Every weight of every layer of the catalog is looked at once a sequence, whatever form runs."""

from collections import Counter

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

from statewise.catalog import CATALOG, SEQUENCE_LAYERS
from statewise.combine.bidirectional import Bidirectional
from statewise.contract import Structure, StructureLayer, example_input
from statewise.models.resolve import make_layer


class Counted(nn.Module):
    """A weight as it is; counts how often it is looked at."""

    def __init__(self, name: str, looks: Counter[str]) -> None:
        super().__init__()
        self.name = name
        self.looks = looks

    def forward(self, weight):
        self.looks[self.name] += 1
        return weight * 1


def looked_at(layer: nn.Module) -> Counter[str]:
    """How often each weight is, from now on."""
    looks: Counter[str] = Counter()
    for weight in [name for name, _ in layer.named_parameters() if "parametrizations" not in name]:
        path, _, own = weight.rpartition(".")
        parametrize.register_parametrization(layer.get_submodule(path), own, Counted(weight, looks))
    looks.clear()
    return looks


@pytest.mark.parametrize("name", SEQUENCE_LAYERS)
def test_one_mask_serves_a_sequence_and_its_rows_with_and_without_resets(name):
    entry = SEQUENCE_LAYERS[name]
    layer = make_layer(entry, entry.small).train()
    looks = looked_at(layer)
    for time in (1, 40):
        x, reset = example_input(layer, 2, time), torch.rand(2, time) < 0.2
        for resets in (None, reset):
            looks.clear()
            layer(x, reset=resets)
            assert not {weight: times for weight, times in looks.items() if times > 1}


@pytest.mark.parametrize("name", [name for name, entry in CATALOG.items() if issubclass(entry.layer, StructureLayer)])
def test_one_mask_serves_all_nodes_of_structures(name):
    entry = CATALOG[name]
    layer = entry.layer(**entry.small)
    looks = looked_at(layer)
    layer(torch.randn(4, entry.small["input_size"]), Structure.of_parents([1, 2, 3, -1]))
    assert set(looks.values()) == {1}


def test_one_mask_serves_rows_of_different_lengths_in_a_direction():
    entry = SEQUENCE_LAYERS["gru"]
    both = Bidirectional(*(make_layer(entry, entry.small) for _ in range(2)))
    looks = looked_at(both)
    both(torch.randn(4, 6, entry.small["input_size"]), torch.tensor([6, 0, 3, 2]))
    assert set(looks.values()) == {1}
