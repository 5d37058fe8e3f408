"""Kernels of recurrences of several products a step; where there is no GPU, Triton's interpreter runs them, slowly."""

import importlib
import pkgutil
from typing import Any

import pytest
import torch
from torch import Tensor

from statewise.contract.segments import Segments
from statewise.ops import chained_recurrence as operation
from statewise.ops import chains as package
from statewise.ops.chained_recurrence import FORMS, chained_recurrence
from statewise.ops.chains.cfc import CfCGates, CfCSolution
from statewise.ops.chains.minimal_gated_unit import MinimalGatedUnitGates
from statewise.ops.chains.ode_rnn import ODERNNGates
from statewise.ops.chains.projected_lstm import ProjectedLSTMGates
from statewise.ops.chains.reset_gru import ResetGRUGates
from statewise.ops.gpu import chained_steps, chip
from statewise.ops.gpu.chains import CHAINS

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
CONSTANTS = {(1,), (2, 2, 2)}
"""Shapes of what has no gradient"""
RESET = torch.tensor([[False, True, False, False, True], [True] * 5, [False, False, True, True, False]])
pytestmark = pytest.mark.usefixtures("_poisoned")
kinds = pytest.mark.parametrize("kind", CHAINS, ids=lambda kind: kind.__name__)
forms = pytest.mark.parametrize("form", ["triton", "graph"])


def draw(shape: tuple[int, ...], seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) / 2


def example(kind: Any, time: int, rows: int = 3, h: int = 5, k: int = 7) -> list[Tensor]:
    """x, h, m, the matrices and the gates' own weights; none of the first lies as a kernel reads it."""
    tableau = torch.tensor([[[0.5, 0.2], [0.0, 0.8]]] * 2, dtype=torch.float64)
    inputs, memory, matrices, own = {
        ResetGRUGates: (3 * h, 0, [(2 * h, h), (h, h)], []),
        MinimalGatedUnitGates: (2 * h, 0, [(h, h), (h, h)], []),
        ProjectedLSTMGates: (4 * k, k, [(4 * k, h), (h, k)], []),
        CfCGates: (k + 1, 0, [(k, h), (4 * h, k)], [(0, k), (4 * h,), (1,)]),
        CfCSolution: (k + 1, 0, [(k, h), (h, k)], [(0, k), (h,), (h,), (h,)]),
        ODERNNGates: (3 * h + 1, 0, [(k, h), (h, k), (3 * h, h)], [(k,), (h,), (3 * h,), tableau]),
    }[kind]
    return [
        draw((rows, time, inputs), 1).transpose(0, 1),
        draw((h, rows), 2).t(),
        draw((memory, rows), 3).t(),
        *(draw((wide, high), seed).t() for seed, (high, wide) in enumerate(matrices, 4)),
        *(part if isinstance(part, Tensor) else draw(part, seed).abs() for seed, part in enumerate(own, 7)),
    ]


def run(kind: Any, arguments: list[Tensor], reset: Tensor | None = None) -> tuple[Tensor, Tensor]:
    x, h, m, *weights = arguments
    matrices = 3 if kind is ODERNNGates else 2
    segments = None if reset is None else Segments(reset.to(x.device))
    return chained_recurrence(kind(*weights[matrices:]), x, weights[:matrices], h, m, segments=segments)


def results(
    form: str, kind: Any, arguments: list[Tensor], dtype: torch.dtype, reset: Tensor | None = None
) -> list[Tensor]:
    """Outputs, last memory, and the gradients of all arguments but constants under random cotangents of both."""
    device = "cpu" if form == "reference" else DEVICE
    leaves = [
        torch.empty_strided(x.shape, x.stride(), dtype=dtype, device=device).copy_(x).requires_grad_()
        for x in arguments
    ]
    with FORMS.use(form):
        outputs = run(kind, leaves, reset)
    cotangents = [draw(y.shape[::-1], 12).permute(*reversed(range(y.dim()))).to(y) for y in outputs]
    wanted = [leaf for leaf in leaves if leaf.shape not in CONSTANTS]
    return [*outputs, *torch.autograd.grad(outputs, wanted, cotangents, materialize_grads=True)]


def assert_equal_to_the_equation(form: str, kind: Any, arguments: list[Tensor], reset: Tensor | None = None) -> None:
    for found, expected in zip(
        *(results(name, kind, arguments, torch.float64, reset) for name in (form, "reference")), strict=True
    ):
        torch.testing.assert_close(found.cpu(), expected, rtol=1e-9, atol=1e-9)


@kinds
@pytest.mark.usefixtures("_room")
@pytest.mark.parametrize("time", [1, 3])
def test_the_kernels_equal_the_equation_with_all_gradients(kind, time):
    assert_equal_to_the_equation("triton", kind, example(kind, time))


@pytest.mark.parametrize("kind", [ResetGRUGates, ProjectedLSTMGates], ids=lambda kind: kind.__name__)
@pytest.mark.usefixtures("_room")
def test_so_they_do_of_rows_that_begin_anew(kind):
    assert_equal_to_the_equation("triton", kind, example(kind, 5), RESET)


@pytest.mark.parametrize(("h", "k"), [(35, 18), (18, 35)])
@pytest.mark.usefixtures("_room")
def test_so_they_do_where_rows_are_many_programs_and_widths_many_tiles(h, k):
    assert_equal_to_the_equation("triton", CfCGates, example(CfCGates, 2, 2 * chip.ROWS + 1, h, k))


@kinds
def test_in_single_precision_they_stay_near(kind):
    arguments = example(kind, 7)
    found, exact = (
        results("triton", kind, arguments, torch.float32),
        results("reference", kind, arguments, torch.float64),
    )
    for one, other in zip(found, exact, strict=True):
        assert one.dtype == torch.float32
        assert (one.cpu() - other).norm() <= 1e-5 * other.norm()


@pytest.mark.usefixtures("_short_graphs")
@pytest.mark.parametrize("kind", [ODERNNGates, ProjectedLSTMGates], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize(("time", "resets"), [(1, False), (2, False), (5, False), (5, True)])
def test_graphs_of_steps_equal_the_equation_whether_steps_fill_them_or_not(kind, time, resets):
    assert_equal_to_the_equation("graph", kind, example(kind, time), RESET if resets else None)


@pytest.mark.usefixtures("_short_graphs")
def test_a_graph_is_made_once_for_all_lengths_and_serves_training_after_inference():
    arguments = [x.to(DEVICE) for x in example(ODERNNGates, 4)]
    with FORMS.use("graph"), torch.inference_mode():
        alone, _ = run(ODERNNGates, arguments)
    assert torch.equal(results("graph", ODERNNGates, arguments, torch.float64)[0], alone)
    results("graph", ODERNNGates, example(ODERNNGates, 3), torch.float64)
    assert chained_steps.forward_steps.cache_info().currsize == 1
    assert chained_steps.backward_steps.cache_info().currsize == 1


@forms
@pytest.mark.usefixtures("_short_graphs")
def test_nothing_passes_into_a_segment_that_is_not_a_number(form):
    arguments = [x.to(DEVICE) for x in example(ProjectedLSTMGates, 5)]
    x, found = arguments[0].requires_grad_(), []
    for first in (0.0, float("nan")):
        x.data[:2, 2] = first
        with FORMS.use(form):
            y, m = run(ProjectedLSTMGates, arguments, RESET)
        gradient = torch.autograd.grad(y[2:, 2].sum() + m[2].sum(), x)[0]
        found.append((y[2:, 2], m, gradient[2:]))
    assert y[:2, 2].isnan().all()
    for one, other in zip(*found, strict=True):
        assert torch.equal(one, other)


@forms
def test_without_gradients_the_numbers_are_the_same_and_less_is_kept(form):
    arguments = example(ProjectedLSTMGates, 4)
    expected = results(form, ProjectedLSTMGates, arguments, torch.float64)
    with FORMS.use(form), torch.no_grad():
        found = run(ProjectedLSTMGates, [x.to(DEVICE) for x in arguments])
    for one, other in zip(found, expected, strict=False):
        assert torch.equal(one, other)


@forms
def test_a_row_that_is_not_a_number_stays_alone(form):
    arguments = [x.to(DEVICE) for x in example(ResetGRUGates, 4)]
    with FORMS.use(form):
        before, _ = run(ResetGRUGates, arguments)
        arguments[0][2:, 1] = float("nan")
        after, _ = run(ResetGRUGates, arguments)
    assert torch.equal(after[:, [0, 2]], before[:, [0, 2]])
    assert torch.equal(after[:2, 1], before[:2, 1])
    assert after[2:, 1].isnan().all()


@forms
def test_under_autocast_products_are_rounded_and_the_state_is_not(form):
    arguments = [x.float().to(DEVICE).requires_grad_() for x in example(ResetGRUGates, 3)]
    with FORMS.use(form):
        exact, _ = run(ResetGRUGates, arguments)
        with torch.autocast(DEVICE, dtype=torch.float16):  # the interpreter multiplies no bfloat16
            found, _ = run(ResetGRUGates, arguments)
    assert found.dtype == torch.float32
    assert 0 < (found - exact).norm() < 2e-3 * exact.norm()
    wanted = [arguments[i] for i in (0, 1, 3, 4)]
    for gradient, other in zip(*(torch.autograd.grad(y.sum(), wanted) for y in (found, exact)), strict=True):
        assert gradient.dtype == torch.float32
        assert (gradient - other).norm() < 4e-3 * other.norm()


@forms
def test_what_they_have_not_is_refused_rather_than_wrong(form):
    arguments = [x.to(DEVICE).requires_grad_() for x in example(ResetGRUGates, 2)]
    with FORMS.use(form):
        y, _ = run(ResetGRUGates, arguments)
    with pytest.raises(RuntimeError, match="first derivatives alone"):
        torch.autograd.grad(y.sum(), arguments[3], create_graph=True)


def test_the_rule_takes_kernels_for_two_products_that_are_not_too_wide(monkeypatch):
    monkeypatch.setattr(operation, "kernels_serve", lambda *tensors: True)
    monkeypatch.setattr(operation, "compiled_loops_serve", lambda *tensors, dtypes: False)
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: False)
    for kind, k, form in (
        (ProjectedLSTMGates, 256, "triton"),
        (ProjectedLSTMGates, 257, "graph"),
        (CfCGates, 7, "triton"),
        (ODERNNGates, 7, "graph"),
    ):
        x, h, m, *weights = example(kind, 1, k=k)
        matrices = 3 if kind is ODERNNGates else 2
        assert FORMS.rule(kind(*weights[matrices:]), x, weights[:matrices], h, m) == form


def test_every_chain_of_two_products_has_kernels():
    modules = [importlib.import_module(f"{package.__name__}.{m.name}") for m in pkgutil.iter_modules(package.__path__)]
    found = {value for module in modules for value in vars(module).values() if hasattr(value, "chain")}
    assert found == {*CHAINS, ODERNNGates}
