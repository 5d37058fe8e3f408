"""``torch.compile`` of every layer of the catalog comes to the same, wherever it breaks the graph."""

import pytest
import torch

from statewise.catalog import SEQUENCE_LAYERS
from statewise.contract import example_input
from statewise.models.resolve import make_layer


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")  # torch's, at a break
@pytest.mark.parametrize("name", SEQUENCE_LAYERS)
def test_a_compiled_layer_comes_to_the_same(name: str):
    torch.manual_seed(0)
    layer = make_layer(SEQUENCE_LAYERS[name], SEQUENCE_LAYERS[name].small).double().eval()
    x = example_input(layer, batch=2, time=5)
    torch.testing.assert_close(torch.compile(layer, backend="eager")(x), layer(x), rtol=1e-9, atol=1e-12)
