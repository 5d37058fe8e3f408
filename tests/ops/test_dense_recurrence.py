import math

import numpy as np
import pytest
import torch
from torch import nn

from statewise.ops.compiled import elementary
from statewise.ops.compiled.compiler import jit
from statewise.ops.dense_recurrence import FORMS, dense_recurrence
from statewise.ops.gates.gru import GRUGates
from statewise.ops.gates.lstm import LSTMGates

ROWS, WIDTH = 5, 6
KINDS = {"lstm": (LSTMGates(), nn.LSTM, 4), "gru": (GRUGates(), nn.GRU, 3)}
kinds = pytest.mark.parametrize("kind", KINDS)


def example(kind: str, time: int, dtype: torch.dtype = torch.float64) -> list[torch.Tensor]:
    gates, _, vectors = KINDS[kind]
    g = torch.Generator().manual_seed(time)
    shapes = [
        (time, ROWS, vectors, WIDTH),
        (vectors * WIDTH, WIDTH),
        (vectors * WIDTH,),
        (ROWS, WIDTH),
        (ROWS, gates.sizes().memory, WIDTH),
    ]
    return [torch.randn(shape, generator=g, dtype=torch.float64).to(dtype).requires_grad_() for shape in shapes]


def results(form: str, kind: str, arguments: list[torch.Tensor], **options: torch.Tensor) -> list[torch.Tensor]:
    """Outputs, last memory, and the gradients of all arguments under random cotangents of both."""
    with FORMS.use(form):
        outputs = dense_recurrence(KINDS[kind][0], *arguments, **options)
    g = torch.Generator().manual_seed(1)
    cotangents = [torch.randn(y.shape, generator=g, dtype=torch.float64).to(y.dtype) for y in outputs]
    return [*outputs, *torch.autograd.grad(outputs, arguments, cotangents)]


def noise(kind: str, time: int, shared_steps: bool, shared_rows: bool) -> dict[str, torch.Tensor]:
    vectors = 1 + KINDS[kind][0].sizes().memory
    g = torch.Generator().manual_seed(2)
    keep = torch.rand(1 if shared_steps else time, 1 if shared_rows else ROWS, vectors, WIDTH, generator=g)
    mask = torch.rand(1 if shared_rows else ROWS, WIDTH, generator=g).round() * 2
    return {"keep": keep.double(), "mask": mask.double()}


@kinds
@pytest.mark.parametrize("time", [1, 2, 7, 65])
def test_the_compiled_loop_equals_the_equation_with_all_gradients(kind, time):
    arguments = example(kind, time)
    for found, expected in zip(
        results("compiled", kind, arguments), results("reference", kind, arguments), strict=True
    ):
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


@kinds
@pytest.mark.parametrize(("shared_steps", "shared_rows"), [(False, False), (True, False), (False, True), (True, True)])
def test_so_it_does_where_values_are_kept_and_masked(kind, shared_steps, shared_rows):
    arguments, options = example(kind, 7), noise(kind, 7, shared_steps, shared_rows)
    for found, expected in zip(
        results("compiled", kind, arguments, **options), results("reference", kind, arguments, **options), strict=True
    ):
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


@kinds
def test_in_single_precision_too(kind):
    arguments = example(kind, 64, torch.float32)
    exact = results("reference", kind, example(kind, 64))
    for found, expected in zip(results("compiled", kind, arguments), exact, strict=True):
        assert found.dtype == torch.float32
        error = (found - expected).norm() / expected.norm().clamp(min=1e-9) if expected.numel() else torch.zeros(())
        assert error < 1e-5


@kinds
@pytest.mark.parametrize("form", ["compiled", "reference"])
def test_it_equals_torch(kind, form):
    gates, module_class, vectors = KINDS[kind]
    module = module_class(3, WIDTH, dtype=torch.float64)
    x = torch.randn(7, ROWS, 3, dtype=torch.float64)
    weight, u, bias, bias_u = module.parameters()
    projected = nn.functional.linear(x, weight, bias).unflatten(2, (vectors, WIDTH))
    start = torch.zeros(ROWS, WIDTH, dtype=torch.float64)
    with FORMS.use(form):
        y, _ = dense_recurrence(gates, projected, u, bias_u, start, start.new_zeros(ROWS, vectors - 3, WIDTH))
    torch.testing.assert_close(y, module(x)[0], rtol=1e-12, atol=1e-12)


@kinds
def test_without_gradients_the_numbers_are_the_same(kind):
    arguments = example(kind, 7)
    with FORMS.use("compiled"), torch.no_grad():
        found = dense_recurrence(KINDS[kind][0], *arguments)
    for one, other in zip(found, results("compiled", kind, arguments), strict=False):
        assert torch.equal(one, other)


@kinds
def test_a_row_that_is_not_a_number_stays_alone(kind):
    arguments = [x.detach() for x in example(kind, 7)]
    before, _ = dense_recurrence(KINDS[kind][0], *arguments)
    arguments[0][3:, 1] = float("nan")
    after, _ = dense_recurrence(KINDS[kind][0], *arguments)
    others = [0, 2, 3, 4]
    assert torch.equal(after[:, others], before[:, others])
    assert torch.equal(after[:3, 1], before[:3, 1])
    assert after[3:, 1].isnan().all()


def test_second_derivatives_are_refused_rather_than_wrong():
    arguments = example("gru", 3)
    y, _ = dense_recurrence(GRUGates(), *arguments)
    with pytest.raises(RuntimeError, match="first derivatives alone"):
        torch.autograd.grad(y.sum(), arguments[1], create_graph=True)


@pytest.mark.parametrize(
    ("function", "exact"), [(elementary.exp, math.exp), (elementary.sigmoid, None), (elementary.tanh, math.tanh)]
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_elementary_functions(function, exact, dtype):
    exact = exact or (lambda x: 1 / (1 + math.exp(-x)))
    x = np.concatenate([np.linspace(-30, 30, 4001), [0.0, 1e-8, -1e-8, 0.625, -0.625]]).astype(dtype)
    found = _each(function)(x)
    expected = np.array([exact(float(value)) for value in x])
    np.testing.assert_allclose(found, expected, rtol=3e-7 if dtype == np.float32 else 1e-15, atol=1e-12)
    assert np.isnan(_each(function)(np.array([np.nan], dtype)))[0]
    ends = _each(function)(np.array([-np.inf, np.inf], dtype))
    assert ends[0] == pytest.approx(-1.0 if function is elementary.tanh else 0.0, abs=1e-37)
    assert ends[1] == 1.0 or ends[1] > 1e38


def _each(function):
    from statewise.ops.compiled import dense  # noqa: F401  numba learns the functions there

    @jit
    def each(x):
        y = np.empty_like(x)
        for i in range(x.shape[0]):
            y[i] = function(x[i])
        return y

    return each
