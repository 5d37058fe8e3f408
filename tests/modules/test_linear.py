from functools import partial

import pytest
import torch
from torch import nn

from statewise.modules.linear import Linear
from statewise.ops.linear import FORMS, LARGE, rule

ROWS, WIDTHS = 3 * LARGE // 64, (8, 16)
serves = pytest.mark.skipif(
    rule(torch.zeros(LARGE, 1), torch.zeros(1, 1), None) != "onednn", reason="torch has no oneDNN"
)


def pair(dtype: torch.dtype = torch.float32) -> tuple[Linear, nn.Linear]:
    """Ours and torch's with the same weights."""
    ours, theirs = (kind(*WIDTHS, dtype=dtype) for kind in (Linear, nn.Linear))
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_a_large_product_equals_torchs_with_its_gradients(dtype):
    close = partial(torch.testing.assert_close, rtol=0.05, atol=0.05) if dtype == torch.bfloat16 else None
    close = close or partial(torch.testing.assert_close, rtol=1e-4, atol=1e-2)
    ours, theirs = pair(dtype)
    x = torch.randn(2, ROWS // 2, WIDTHS[0], dtype=dtype, requires_grad=True)
    cotangent = torch.randn(2, ROWS // 2, WIDTHS[1], dtype=dtype)
    results = []
    for module in (ours, theirs):
        y = module(x)
        results.append([y, *torch.autograd.grad(y, (x, *module.parameters()), cotangent)])
    for one, other in zip(*results, strict=True):
        assert one.dtype == other.dtype
        close(one, other)


@serves
def test_large_products_are_onednns_and_small_ones_torchs(monkeypatch):
    ran = []
    monkeypatch.setattr(FORMS, "_forms", {name: lambda *_, name=name: ran.append(name) for name in FORMS.names})
    ours, theirs = pair()
    ours(torch.zeros(ROWS, WIDTHS[0]))
    assert ran == ["onednn"]
    x = torch.randn(1, WIDTHS[0])
    assert torch.equal(ours(x), theirs(x))
    assert ran == ["onednn"]


def test_autocast_and_mapped_weights_reach_it():
    ours, theirs = pair()
    x = torch.randn(ROWS, WIDTHS[0])
    with torch.autocast("cpu"):
        assert torch.equal(ours(x), theirs(x))
    stacked = {name: torch.stack([value, 2 * value]) for name, value in theirs.named_parameters()}
    found = torch.func.vmap(lambda weights: torch.func.functional_call(ours, weights, (x,)))(stacked)
    torch.testing.assert_close(found[1], 2 * theirs(x), rtol=1e-4, atol=1e-4)


def test_an_exported_one_takes_any_number_of_rows():
    ours, theirs = pair()
    shapes = ({0: torch.export.Dim("rows", max=10**9)},)
    exported = torch.export.export(ours, (torch.randn(5, WIDTHS[0]),), dynamic_shapes=shapes).module()
    for rows in (2, ROWS):
        x = torch.randn(rows, WIDTHS[0])
        torch.testing.assert_close(exported(x), theirs(x))
