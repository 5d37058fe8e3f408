"""Every layer under torch.func: gradients, gradients one by one for each sample, tangents, Jacobians."""

import pytest
import torch
from torch import Tensor
from torch.func import functional_call, grad, jacfwd, jacrev, jvp, vmap

from statewise import tree
from statewise.catalog import SEQUENCE_LAYERS
from statewise.contract import SequenceLayer
from statewise.models.resolve import make_layer
from statewise.tree import State

T, D = 6, 3

pytestmark = [
    pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:There is a performance drop"),
]


@pytest.fixture(params=SEQUENCE_LAYERS)
def layer(request: pytest.FixtureRequest) -> SequenceLayer:
    torch.manual_seed(0)
    entry = SEQUENCE_LAYERS[request.param]
    return make_layer(entry, entry.small).double().eval()


@pytest.fixture
def x() -> Tensor:
    return torch.randn(4, T, D, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def loss(layer: SequenceLayer, parameters: dict[str, Tensor], x: Tensor) -> Tensor:
    return functional_call(layer, parameters, (x,))[0].square().sum()


def weights(layer: SequenceLayer) -> dict[str, Tensor]:
    return {name: p.detach() for name, p in layer.named_parameters()}


def warm(layer: SequenceLayer, x: Tensor) -> State:
    """A state after some steps, more in some rows than in others."""
    _, state = layer(x.flip(1)[:, :3])
    return tree.where(torch.tensor([True, True, False, True]), state, layer.initial_state(4))


@pytest.mark.parametrize("resets", [0.0, 0.3])
def test_gradients_are_autograds(layer: SequenceLayer, x: Tensor, resets: float):
    reset = torch.rand(4, T, generator=torch.Generator().manual_seed(2)) < resets
    found = grad(lambda x, reset: layer(x, reset=reset)[0].square().sum())(x, reset)
    leaf = x.clone().requires_grad_()
    (expected,) = torch.autograd.grad(layer(leaf, reset=reset)[0].square().sum(), leaf)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


def test_gradients_of_every_sample_at_once_are_those_one_by_one(layer: SequenceLayer, x: Tensor):
    if not weights(layer):
        pytest.skip("it has no parameters")
    of_each = vmap(grad(lambda p, row: loss(layer, p, row.unsqueeze(0))), in_dims=(None, 0))(weights(layer), x)
    for i, row in enumerate(x):
        alone = grad(lambda p, row=row: loss(layer, p, row.unsqueeze(0)))(weights(layer))
        for name, expected in alone.items():
            torch.testing.assert_close(of_each[name][i], expected, rtol=1e-10, atol=1e-12)


def test_several_sets_of_parameters_at_once_are_as_one_after_the_other(layer: SequenceLayer, x: Tensor):
    if not weights(layer):
        pytest.skip("it has no parameters")
    sets = {name: torch.stack([p, 0.5 * p]) for name, p in weights(layer).items()}
    together = vmap(lambda p: functional_call(layer, p, (x,))[0])(sets)
    for i, found in enumerate(together):
        expected, _ = functional_call(layer, {name: p[i] for name, p in sets.items()}, (x,))
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


def test_jacobians_backward(layer: SequenceLayer, x: Tensor):
    def last(row: Tensor) -> Tensor:
        return layer(row.unsqueeze(0))[0][0, -1]

    found = jacrev(last)(x[0])
    expected = torch.autograd.functional.jacobian(last, x[0])
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


def test_tangents_are_those_of_the_jacobian(layer: SequenceLayer, x: Tensor):
    def last(row: Tensor) -> Tensor:
        return layer(row.unsqueeze(0))[0][0, -1]

    jacobian = torch.autograd.functional.jacobian(last, x[0])
    tangent = torch.randn(T, D, dtype=torch.float64)
    _, found = jvp(last, (x[0],), (tangent,))
    torch.testing.assert_close(found, torch.einsum("htd,td->h", jacobian, tangent), rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(jacfwd(last)(x[0]), jacobian, rtol=1e-10, atol=1e-12)


def test_states_of_their_own_at_once_are_as_a_batch(layer: SequenceLayer, x: Tensor):
    expected, _ = layer(x, warm(layer, x))
    found = vmap(lambda row, state: layer(row.unsqueeze(0), tree.map(lambda leaf: leaf.unsqueeze(0), state))[0][0])(
        x, warm(layer, x)
    )
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    "layer", {entry.family: entry.name for entry in SEQUENCE_LAYERS.values()}.values(), indirect=True
)
def test_a_whole_sequence_is_exported(layer: SequenceLayer, x: Tensor):
    """From the initial state, and what comes out serves any other."""
    layer.requires_grad_(False)
    program = torch.export.export(layer, (x, tree.map(torch.clone, layer.initial_state(4))), strict=False).module()
    for state in (layer.initial_state(4), warm(layer, x)):
        (found, after), (expected, kept) = program(x, state), layer(x, state)
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)
        for leaf, other in zip(tree.leaves(after), tree.leaves(kept), strict=True):
            torch.testing.assert_close(leaf, other, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", ["lstm-recurrent-dropout", "lstm-zoneout", "lstm-variational", "qrnn", "tcn"])
def test_what_draws_noise_is_mapped_over_from_given_states_though_it_never_ran_before(name: str):
    """The noise follows from the state, so a map has nothing to draw, also where the state alone is mapped over."""
    entry = SEQUENCE_LAYERS[name]
    layer, fresh, other = (make_layer(entry, entry.small).train() for _ in range(3))
    for one in (fresh, other):
        one.load_state_dict(layer.state_dict())
    x, state = torch.randn(4, T, D), layer.initial_state(4)
    rows = tree.map(lambda leaf: leaf.unsqueeze(1), state)
    expected = layer(x, state)[0]
    found = vmap(lambda x, state: fresh(x.unsqueeze(0), state)[0])(x, rows).squeeze(1)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    found = vmap(lambda x, state: other.step(x.unsqueeze(0), state)[0])(x[:, 0], rows).squeeze(1)
    torch.testing.assert_close(found, expected[:, 0], rtol=1e-4, atol=1e-5)
    found = vmap(lambda state: fresh(x[:1], state)[0])(rows).squeeze(1)
    torch.testing.assert_close(found, layer(x[:1].expand_as(x), state)[0], rtol=1e-4, atol=1e-5)
