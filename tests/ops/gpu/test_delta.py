"""The kernels between the chunks of a delta rule; where there is no GPU, Triton's interpreter runs them."""

import pytest
import torch
from torch import Tensor

from statewise.ops import delta_rule as operation
from statewise.ops.delta_rule import FORMS, delta_rule
from statewise.ops.gpu import delta

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def example(time: int, keys: int = 3, values: int = 5, batch: int = 2, heads: int = 2) -> list[Tensor]:
    """q, k, v, log a, b and the first state, none of which lies as a kernel reads it."""
    g = torch.Generator().manual_seed(time)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape[::-1], generator=g, dtype=torch.float64).permute(*reversed(range(len(shape))))

    k = normal(batch, time, heads, keys)
    return [
        normal(batch, time, heads, keys),
        k / k.norm(dim=-1, keepdim=True),
        normal(batch, time, heads, values),
        -normal(batch, time, heads, 1).square(),
        normal(batch, time, heads, 1).sigmoid() * 2,
        normal(batch, heads, keys, values),
    ]


def results(form: str, arguments: list[Tensor], dtype: torch.dtype = torch.float64) -> list[Tensor]:
    """Outputs, the last state, and the gradients of all arguments under random cotangents of both."""
    leaves = [x.to("cpu" if form == "reference" else DEVICE, dtype).requires_grad_() for x in arguments]
    with FORMS.use(form):
        outputs = delta_rule(*leaves)
    g = torch.Generator().manual_seed(1)
    cotangents = [torch.randn(y.shape, generator=g, dtype=torch.float64).to(y) for y in outputs]
    return [*outputs, *torch.autograd.grad(outputs, leaves, cotangents)]


@pytest.mark.usefixtures("_poisoned")
@pytest.mark.parametrize("time", [1, 4, 7])
def test_the_kernels_equal_the_equation_with_all_gradients(time, monkeypatch):
    monkeypatch.setattr(operation, "CHUNK", 2)
    for found, expected in zip(results("triton", example(time)), results("reference", example(time)), strict=True):
        torch.testing.assert_close(found.cpu(), expected, rtol=1e-9, atol=1e-9)


def test_so_they_do_where_the_columns_of_a_state_are_many_programs():
    arguments = example(5, keys=17, values=2 * delta.COLUMNS + 1, batch=1)
    for found, expected in zip(results("triton", arguments), results("reference", arguments), strict=True):
        torch.testing.assert_close(found.cpu(), expected, rtol=1e-9, atol=1e-9)


def test_in_single_precision_they_stay_near(monkeypatch):
    monkeypatch.setattr(operation, "CHUNK", 3)
    found, exact = results("triton", example(10), torch.float32), results("reference", example(10))
    for one, other in zip(found, exact, strict=True):
        assert one.dtype == torch.float32
        assert (one.cpu() - other).norm() <= 1e-5 * other.norm()


def test_second_derivatives_are_those_of_the_equation(monkeypatch):
    monkeypatch.setattr(operation, "CHUNK", 2)

    def second(form: str) -> tuple[Tensor, ...]:
        leaves = [x.to(DEVICE).requires_grad_() for x in example(3, keys=2, values=2, batch=1, heads=1)]
        with FORMS.use(form):
            y, _ = delta_rule(*leaves)
        first = torch.autograd.grad(y.square().sum(), leaves, create_graph=True)
        return torch.autograd.grad(sum(part.square().sum() for part in first), leaves)

    for found, expected in zip(second("triton"), second("reference"), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-8)
