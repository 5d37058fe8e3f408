import pytest
import torch
from torch import nn

from statewise.ops.normalisation import EPSILON, FORMS, normalised

SHAPE, WIDTH = (3, 5), 7
each = pytest.mark.parametrize("norm", ["layer", "rms"])
PEERS = {"layer": nn.LayerNorm, "rms": nn.RMSNorm}


def example() -> list[torch.Tensor]:
    """x, one row of which lies far from zero, s and b."""
    g = torch.Generator().manual_seed(0)
    x, gain, bias = (torch.randn(shape, generator=g).double() for shape in ((*SHAPE, WIDTH), (WIDTH,), (WIDTH,)))
    x[0, 0] += 1000
    return [t.requires_grad_() for t in (x, gain, bias)]


@each
@pytest.mark.parametrize("form", FORMS.names)
def test_equals_torch_with_all_gradients(form, norm):
    x, gain, bias = arguments = example()
    peer = PEERS[norm](WIDTH, eps=1e-5, dtype=torch.float64)
    nn.utils.vector_to_parameters(torch.cat([gain, bias] if norm == "layer" else [gain]), peer.parameters())
    expected = peer(x) if norm == "layer" else peer(x) + bias
    with FORMS.use(form):
        y = normalised(norm, *arguments)
    cotangent = torch.randn(y.shape, generator=torch.Generator().manual_seed(1)).double()
    torch.testing.assert_close(y, expected, rtol=1e-10, atol=1e-10)
    wanted = torch.autograd.grad(expected, [x, *peer.parameters()], cotangent)
    found = torch.autograd.grad(y, arguments, cotangent)
    for one, other in zip(found, wanted, strict=False):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(found[2], cotangent.sum((0, 1)))


@each
def test_gradients_have_gradients(norm):
    x, gain, bias = example()
    with FORMS.use("compiled"):
        assert torch.autograd.gradgradcheck(lambda *t: normalised(norm, *t), (x[1:], gain, bias))


def test_slices_are_taken_as_they_lie_and_single_precision_stays():
    x = torch.randn(4, 2 * WIDTH)[:, ::2]
    ones, zeros = torch.ones(WIDTH), torch.zeros(WIDTH)
    found = normalised("rms", x, ones, zeros)
    torch.testing.assert_close(found, x / (x.square().mean(1, keepdim=True) + 1e-5).sqrt())


@each
def test_without_bias_and_with_an_epsilon_of_ones_own(norm):
    x, gain, _ = example()
    peer = PEERS[norm](WIDTH, eps=0.5, dtype=torch.float64)
    nn.init.zeros_(getattr(peer, "bias", torch.empty(0)))
    peer.weight.data.copy_(gain)
    torch.testing.assert_close(normalised(norm, x, gain, epsilon=0.5), peer(x), rtol=1e-10, atol=1e-10)
    peer.eps = EPSILON
    torch.testing.assert_close(normalised(norm, x, gain), peer(x), rtol=1e-10, atol=1e-10)
