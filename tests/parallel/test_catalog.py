"""Every layer of the catalog: its own outputs and gradients, in parallel or with the reason why not."""

import pytest
import torch

from statewise.catalog import SEQUENCE_LAYERS
from statewise.contract import example_input
from statewise.models.resolve import make_layer
from statewise.parallel.newton import newton_in_time


@pytest.mark.parametrize("name", SEQUENCE_LAYERS)
def test_it_is_the_layer_or_says_why_not(name: str) -> None:
    torch.manual_seed(0)
    entry = SEQUENCE_LAYERS[name]
    layer = make_layer(entry, entry.small).double().eval()
    x = example_input(layer, batch=2, time=12)
    run, (y, _) = newton_in_time(layer, x), layer(x)
    torch.testing.assert_close(run.outputs, y, rtol=1e-8, atol=1e-8)
    if run.fallback is None:
        assert bool((run.residual < 1e-11).all())
