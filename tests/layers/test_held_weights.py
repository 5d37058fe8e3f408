"""Every weight of every layer of the catalog is looked at once a sequence, whatever form runs."""

from collections import Counter

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

from statewise.catalog import SEQUENCE_LAYERS
from statewise.contract import example_input
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


@pytest.mark.parametrize("name", SEQUENCE_LAYERS)
def test_one_mask_serves_a_sequence_and_its_rows_with_and_without_resets(name):
    entry = SEQUENCE_LAYERS[name]
    layer, looks = make_layer(entry, entry.small).train(), Counter()
    for weight in [name for name, _ in layer.named_parameters() if "parametrizations" not in name]:
        path, _, own = weight.rpartition(".")
        parametrize.register_parametrization(layer.get_submodule(path), own, Counted(weight, looks))
    for time in (1, 40):
        x, reset = example_input(layer, 2, time), torch.rand(2, time) < 0.2
        for resets in (None, reset):
            looks.clear()
            layer(x, reset=resets)
            assert not {weight: times for weight, times in looks.items() if times > 1}
