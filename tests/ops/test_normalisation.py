import pytest
import torch
from torch import nn

from statewise.ops.normalisation import FORMS, normalised

SHAPE, WIDTH = (3, 5), 7
each = pytest.mark.parametrize("centred", [False, True], ids=["rms", "layer"])
PEERS = {True: nn.LayerNorm, False: nn.RMSNorm}


def example() -> list[torch.Tensor]:
    """x, one row of which lies far from zero, s and b."""
    g = torch.Generator().manual_seed(0)
    x, gain, bias = (torch.randn(shape, generator=g).double() for shape in ((*SHAPE, WIDTH), (WIDTH,), (WIDTH,)))
    x[0, 0] += 1000
    return [t.requires_grad_() for t in (x, gain, bias)]


@each
@pytest.mark.parametrize("form", FORMS.names)
def test_equals_torch_with_all_gradients(form, centred):
    x, gain, bias = arguments = example()
    peer = PEERS[centred](WIDTH, eps=1e-5, dtype=torch.float64)
    nn.utils.vector_to_parameters(torch.cat([gain, bias] if centred else [gain]), peer.parameters())
    expected = peer(x) if centred else peer(x) + bias
    with FORMS.use(form):
        y = normalised(*arguments, centred=centred)
    cotangent = torch.randn(y.shape, generator=torch.Generator().manual_seed(1)).double()
    torch.testing.assert_close(y, expected, rtol=1e-10, atol=1e-10)
    wanted = torch.autograd.grad(expected, [x, *peer.parameters()], cotangent)
    found = torch.autograd.grad(y, arguments, cotangent)
    for one, other in zip(found, wanted, strict=False):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(found[2], cotangent.sum((0, 1)))


@each
def test_gradients_have_gradients(centred):
    x, gain, bias = example()
    with FORMS.use("compiled"):
        assert torch.autograd.gradgradcheck(lambda *t: normalised(*t, centred=centred), (x[1:], gain, bias))


def test_slices_are_taken_as_they_lie_and_single_precision_stays():
    x = torch.randn(4, 2 * WIDTH)[:, ::2]
    ones, zeros = torch.ones(WIDTH), torch.zeros(WIDTH)
    found = normalised(x, ones, zeros, centred=False)
    torch.testing.assert_close(found, x / (x.square().mean(1, keepdim=True) + 1e-5).sqrt())
