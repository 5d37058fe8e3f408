"""A second derivative of any layer of the catalog is that of its steps, or refused in words."""

import pytest
import torch

from statewise import tree
from statewise.catalog import SEQUENCE_LAYERS
from statewise.contract import SequenceLayer, example_input
from statewise.models.resolve import make_layer

REFUSED = ("have first derivatives alone", "is not implemented")
"""What we say and what torch says"""


def second_derivatives(run, weights):
    """Of the squared gradient of a loss."""
    loss = run().square().sum()
    first = torch.autograd.grad(loss, weights, create_graph=True, allow_unused=True, materialize_grads=True)
    return torch.autograd.grad(sum(g.square().sum() for g in first), weights, allow_unused=True, materialize_grads=True)


@pytest.mark.parametrize("name", SEQUENCE_LAYERS)
def test_it_is_that_of_the_steps_or_refused(name):
    torch.manual_seed(0)
    entry = SEQUENCE_LAYERS[name]
    layer = make_layer(entry, entry.small).double().eval()
    weights = [weight for weight in layer.parameters() if weight.requires_grad]
    if not weights:
        return
    x = example_input(layer, 2, 3)
    state = tree.detach(layer(x)[1])
    expected = second_derivatives(lambda: SequenceLayer._sequence(layer, layer.as_read(x, axes=2), state)[0], weights)
    try:
        found = second_derivatives(lambda: layer(x, state)[0], weights)
    except RuntimeError as error:
        if not any(words in str(error) for words in REFUSED):
            raise
        return
    torch.testing.assert_close(found, expected)
