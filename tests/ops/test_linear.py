import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from statewise.ops import linear as operation
from statewise.ops.linear import FORMS, linear

SHAPE, WIDTHS = (3, 7), (5, 4)
serves = pytest.mark.skipif(
    operation.rule(torch.zeros(operation.LARGE, 1), torch.zeros(1, 1), None) != "onednn", reason="torch has no oneDNN"
)


def example(dtype: torch.dtype = torch.float32) -> list[torch.Tensor]:
    """x, W, b."""
    g = torch.Generator().manual_seed(0)
    shapes = ((*SHAPE, WIDTHS[0]), WIDTHS[::-1], WIDTHS[1:])
    return [torch.randn(shape, generator=g, dtype=torch.float64).to(dtype).requires_grad_() for shape in shapes]


def results(arguments: list[torch.Tensor]) -> list[torch.Tensor]:
    """The product, its gradients, and those of their squares, as a penalty on gradients takes."""
    x, weight, bias = arguments
    y = linear(x, weight, bias)
    first = torch.autograd.grad(y.tanh().sum(), arguments, create_graph=True)
    second = torch.autograd.grad(sum(grad.square().sum() for grad in first), arguments)
    return [y, *first, *second]


@serves
@pytest.mark.parametrize("transposed", [False, True])
def test_onednn_equals_torch_with_all_gradients(transposed):
    arguments, exact = example(), results(example(torch.float64))
    if transposed:
        arguments[0] = arguments[0].detach().transpose(0, 1).contiguous().transpose(0, 1).requires_grad_()
        arguments[1] = arguments[1].detach().t().contiguous().t().requires_grad_()
    with FORMS.use("onednn"):
        found = results(arguments)
    for one, other in zip(found, exact, strict=True):
        torch.testing.assert_close(one.double(), other, rtol=1e-5, atol=1e-5)


@serves
@pytest.mark.parametrize("widths", [(2, 6), (6, 2), (1, 6), (6, 1), (4, 4)])
def test_the_gradient_of_a_matrix_lays_the_narrower_side_anew(widths, monkeypatch):
    x, dy = (torch.randn(*SHAPE, width) for width in widths)
    given, apply = [], operation._OneDNN.apply
    monkeypatch.setattr(operation._OneDNN, "apply", lambda *arguments: given.append(arguments[0]) or apply(*arguments))
    with FORMS.use("onednn"):
        found = operation.matrix_gradient(dy, x)
    torch.testing.assert_close(found, torch.einsum("btn,btd->nd", dy, x), rtol=1e-5, atol=1e-5)
    assert [len(copied) for copied in given] == [min(widths)]


@serves
def test_a_matrix_that_is_a_part_of_another_is_laid_together_first(monkeypatch):
    """oneDNN takes hundreds of times as long over one that is not."""
    x, weight, bias = example()
    wider, given = torch.cat([weight, weight], dim=1), []
    monkeypatch.setattr(operation._OneDNN, "apply", lambda *arguments: given.append(arguments[1]) or x)
    with FORMS.use("onednn"):
        for matrix in (weight, weight.t(), wider[:, : weight.shape[1]], wider[:, ::2].t()):
            linear(x, matrix, bias)
    assert all(matrix.is_contiguous() or matrix.t().is_contiguous() for matrix in given)
    assert given[0] is weight


@serves
def test_a_single_vector():
    x, weight, bias = torch.ones(1, 5, requires_grad=True), torch.ones(4, 5, requires_grad=True), torch.ones(4)
    with FORMS.use("onednn"):
        y = linear(x, weight, bias)
        y.sum().backward()
    assert torch.equal(y, torch.full((1, 4), 6.0))
    assert torch.equal(weight.grad, torch.ones(4, 5))
    assert torch.equal(x.grad, torch.full((1, 5), 4.0))


@serves
def test_only_the_gradients_that_are_asked_for_are_worked_out():
    x, weight, _ = example()
    with FORMS.use("onednn"):
        y = linear(x.detach(), weight)
        (found,) = torch.autograd.grad(y.sum(), weight)
    torch.testing.assert_close(found, x.detach().sum((0, 1)).expand_as(found))


def test_what_torch_follows_or_onednn_has_not_is_left_to_torch():
    large = torch.zeros(operation.LARGE, 1)
    small, double, row = torch.zeros(2, 1), large.double(), torch.zeros(1, 1)
    assert operation.rule(small, row, None) == operation.rule(double, row.double(), None) == "reference"
    with torch.autocast("cpu"):
        assert operation.rule(large, row, None) == "reference"
    with FlopCounterMode(display=False) as counter:
        linear(large, row)
    assert counter.get_total_flops() == 2 * operation.LARGE
    torch.func.vmap(lambda x: linear(x, row))(large.view(2, -1, 1))
