import pytest
import torch
from torch import nn

from statewise.modules.norm import RMSNorm


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_equals_torchs_with_its_epsilon(dtype):
    ours, theirs = RMSNorm(5).to(dtype), nn.RMSNorm(5, eps=1e-5).to(dtype)
    nn.init.uniform_(theirs.weight)
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(3, 4, 5, dtype=dtype)
    y, expected = ours(x), theirs(x)
    assert y.dtype == dtype
    torch.testing.assert_close(y, expected, rtol=0.02 if dtype == torch.bfloat16 else 1e-5, atol=1e-2)


def test_under_autocast_it_rounds_once():
    norm, x = RMSNorm(64), 200 * torch.randn(8, 64)
    with torch.autocast("cpu"):
        found = norm(x)
    torch.testing.assert_close(found, norm(x))


def test_a_weight_that_is_mapped_over_reaches_it():
    norm, x = RMSNorm(5), torch.randn(3, 5)
    weights = torch.rand(2, 5)
    found = torch.func.vmap(lambda weight: torch.func.functional_call(norm, {"weight": weight}, (x,)))(weights)
    torch.testing.assert_close(found, norm(x) * weights.unsqueeze(1))
