"""Kernels of dense recurrences; where there is no GPU, Triton's interpreter runs them, slowly, so at small sizes."""

import importlib
import inspect
import pkgutil
from typing import Any

import pytest
import torch
from torch import Tensor

from statewise.contract.segments import Segments
from statewise.ops import gates as package
from statewise.ops.dense_recurrence import FORMS, dense_recurrence
from statewise.ops.gates.dropped_lstm import DroppedLSTMGates
from statewise.ops.gates.gru import GRUGates
from statewise.ops.gates.lstm import LSTMGates
from statewise.ops.gates.minimal_rnn import MinimalRNNGates
from statewise.ops.gates.modrelu import ModReLUGates
from statewise.ops.gates.norm_gru import NormGRUGates
from statewise.ops.gates.norm_lstm import NormLSTMGates
from statewise.ops.gates.peephole_lstm import PeepholeLSTMGates
from statewise.ops.gates.phased_lstm import PhasedLSTMGates
from statewise.ops.gates.s_lstm import SLSTMGates
from statewise.ops.gpu import chip, dense_steps
from statewise.ops.gpu.dense_kernels import backward_kernel, forward_kernel
from statewise.ops.gpu.gates import GATES

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
VECTORS = {MinimalRNNGates: 2, PhasedLSTMGates: 5}
"""Of x, where they are others than of u"""
OWN = {
    PeepholeLSTMGates: lambda width: [(3, width)],
    PhasedLSTMGates: lambda width: [(3, width)],
    DroppedLSTMGates: lambda width: [torch.full((1,), 1.25)],
    NormLSTMGates: lambda width: [(4, width), (width,), (width,), torch.ones(1)],
    NormGRUGates: lambda width: [(3, width), (width,), torch.zeros(1)],
    ModReLUGates: lambda width: [(width,)],
}
"""Shapes of the gates' own weights, or what stands in their place"""
kinds = pytest.mark.parametrize("kind", GATES, ids=lambda kind: kind.__name__)
pytestmark = pytest.mark.usefixtures("_poisoned")


def draw(shape: tuple[int, ...], seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def example(kind: Any, time: int, rows: int = 3, width: int = 5) -> list[Tensor]:
    """x, U, b, h, m, and the gates' own weights; none of the first lies as a kernel reads it."""
    sizes = kind.sizes()
    vectors, products, memory = VECTORS.get(kind, sizes.products), sizes.products, sizes.memory
    arguments = [
        draw((rows, time, vectors, width), 1).transpose(0, 1),
        draw((width, products * width), 2).t() / 2,
        draw((2 * products * width,), 3)[::2],
        draw((width, rows), 4).t(),
        draw((memory, rows, width), 5).transpose(0, 1).abs(),
    ]
    for seed, shape in enumerate(OWN.get(kind, lambda _: [])(width), 6):
        arguments.append(shape.double() if isinstance(shape, Tensor) else draw(shape, seed))
    return arguments


def noise(kind: Any, time: int, rows: int, width: int, shared: bool) -> dict[str, Tensor]:
    """Zoneout's shares, some of them 1, and variational dropout's mask, for all steps and rows or each of them."""
    keep = draw((1 if shared else rows, 1 if shared else time, 1 + kind.sizes().memory, width), 10)
    mask = draw((1 if shared else rows, width), 11)
    return {"keep": (keep.sigmoid() * 1.5).clamp(max=1).transpose(0, 1), "mask": (mask > 0).double() * 2}


def results(
    form: str, kind: Any, arguments: list[Tensor], dtype: torch.dtype, reset: Tensor | None = None, **options: Tensor
) -> list[Tensor]:
    """Outputs, last memory, and the gradients of all arguments under random cotangents of both."""
    device = "cpu" if form == "reference" else DEVICE

    def placed(x: Tensor) -> Tensor:
        return torch.empty_strided(x.shape, x.stride(), dtype=dtype, device=device).copy_(x)

    leaves = [placed(x).requires_grad_() for x in arguments]
    segments = None if reset is None else reset.t().to(device)
    placed_options = {name: placed(option) for name, option in options.items()}
    with FORMS.use(form):
        outputs = dense_recurrence(kind(*leaves[5:]), *leaves[:5], segments=segments, **placed_options)
    cotangents = [placed(draw(y.shape[::-1], 12).permute(*reversed(range(y.dim())))) for y in outputs]
    return [*outputs, *torch.autograd.grad(outputs, [x for x in leaves if x.shape != (1,)], cotangents)]


def assert_equal_to_the_equation(kind: Any, arguments: list[Tensor], form: str = "triton", **options: Tensor) -> None:
    for found, expected in zip(
        *(results(name, kind, arguments, torch.float64, **options) for name in (form, "reference")), strict=True
    ):
        torch.testing.assert_close(found.cpu(), expected, rtol=1e-9, atol=1e-9)


@kinds
@pytest.mark.usefixtures("_room")
@pytest.mark.parametrize("time", [1, 3])
def test_the_kernels_equal_the_equation_with_all_gradients(kind, time):
    assert_equal_to_the_equation(kind, example(kind, time))


@pytest.mark.parametrize("kind", [LSTMGates, GRUGates])
@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.usefixtures("_room")
def test_so_they_do_where_values_are_kept_and_masked(kind, shared):
    assert_equal_to_the_equation(kind, example(kind, 3), **noise(kind, 3, 3, 5, shared))


RESET = torch.tensor([[False, True, False], [True, True, True], [False, False, False]])


@pytest.mark.parametrize("kind", [LSTMGates, SLSTMGates, NormGRUGates])
@pytest.mark.usefixtures("_room")
def test_so_they_do_of_rows_that_begin_anew(kind):
    assert_equal_to_the_equation(kind, example(kind, 3), reset=RESET)


def test_so_they_do_of_those_whose_values_are_kept_and_masked():
    assert_equal_to_the_equation(LSTMGates, example(LSTMGates, 3), reset=RESET, **noise(LSTMGates, 3, 3, 5, False))


@pytest.mark.usefixtures("_room")
def test_so_they_do_where_rows_are_many_programs_and_the_width_many_tiles():
    assert_equal_to_the_equation(NormLSTMGates, example(NormLSTMGates, 2, 2 * chip.ROWS + 1, 35))


@kinds
@pytest.mark.usefixtures("_short_graphs")
def test_graphs_of_steps_equal_the_equation_whether_steps_fill_them_or_not(kind):
    assert_equal_to_the_equation(kind, example(kind, 3, rows=2), "graph")


@pytest.mark.usefixtures("_short_graphs")
@pytest.mark.parametrize("time", [1, 2])
def test_so_they_do_with_one_step_and_with_as_many_as_a_graph_has(time):
    assert_equal_to_the_equation(SLSTMGates, example(SLSTMGates, time), "graph")


@pytest.mark.usefixtures("_short_graphs")
@pytest.mark.parametrize("shared", [True, False])
def test_graphs_keep_and_mask_values_too(shared):
    assert_equal_to_the_equation(LSTMGates, example(LSTMGates, 5), "graph", **noise(LSTMGates, 5, 3, 5, shared))


@pytest.mark.usefixtures("_short_graphs")
@pytest.mark.parametrize("kind", [LSTMGates, SLSTMGates])
def test_graphs_begin_rows_anew_too_also_where_one_graph_ends(kind):
    reset = torch.tensor([[False, True, False, False, True], [True] * 5, [False, False, True, True, False]])
    assert_equal_to_the_equation(kind, example(kind, 5), "graph", reset=reset, **noise(kind, 5, 3, 5, False))


@pytest.mark.parametrize("form", ["triton", "graph"])
def test_nothing_passes_into_a_segment_that_is_not_a_number(form):
    arguments, segments = [x.to(DEVICE) for x in example(SLSTMGates, 4)], Segments(torch.eye(3, 4).bool().to(DEVICE))
    x = arguments[0].requires_grad_()
    found = []
    for first in (0.0, float("nan")):
        x.data[:2, 2] = first
        with FORMS.use(form):
            y, m = dense_recurrence(SLSTMGates(), *arguments, segments=segments)
        gradient = torch.autograd.grad(y[2:, 2].sum() + m[2].sum(), x)[0]
        found.append((y[2:, 2], m, gradient[2:]))
    assert y[:2, 2].isnan().all()
    for one, other in zip(*found, strict=True):
        assert torch.equal(one, other)


@pytest.mark.usefixtures("_short_graphs")
def test_a_graph_is_made_once_for_all_lengths_and_serves_training_after_inference():
    arguments = [x.to(DEVICE) for x in example(GRUGates, 4)]
    with FORMS.use("graph"), torch.inference_mode():
        alone, _ = dense_recurrence(GRUGates(), *arguments)
    assert torch.equal(results("graph", GRUGates, arguments, torch.float64)[0], alone)
    results("graph", GRUGates, example(GRUGates, 3), torch.float64)
    assert dense_steps.forward_steps.cache_info().currsize == 1
    assert dense_steps.backward_steps.cache_info().currsize == 1


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


def test_without_gradients_the_numbers_are_the_same_and_less_is_kept():
    arguments = example(LSTMGates, 4)
    expected = results("triton", LSTMGates, arguments, torch.float64)
    with FORMS.use("triton"), torch.no_grad():
        found = dense_recurrence(LSTMGates(), *(x.to(DEVICE) for x in arguments))
    for one, other in zip(found, expected, strict=False):
        assert torch.equal(one, other)


def test_a_row_that_is_not_a_number_stays_alone():
    arguments = [x.to(DEVICE) for x in example(LSTMGates, 4)]
    with FORMS.use("triton"):
        before, _ = dense_recurrence(LSTMGates(), *arguments)
        arguments[0][2:, 1] = float("nan")
        after, _ = dense_recurrence(LSTMGates(), *arguments)
    assert torch.equal(after[:, [0, 2]], before[:, [0, 2]])
    assert torch.equal(after[:2, 1], before[:2, 1])
    assert after[2:, 1].isnan().all()


def test_under_autocast_products_are_rounded_and_the_state_is_not():
    arguments = [x.float().to(DEVICE).requires_grad_() for x in example(GRUGates, 3)]
    with FORMS.use("triton"):
        exact, _ = dense_recurrence(GRUGates(), *arguments)
        with torch.autocast(DEVICE, dtype=torch.float16):  # the interpreter multiplies no bfloat16
            found, _ = dense_recurrence(GRUGates(), *arguments)
    assert found.dtype == torch.float32
    assert 0 < (found - exact).norm() < 2e-3 * exact.norm()
    for gradient, other in zip(*(torch.autograd.grad(y.sum(), arguments[:4]) for y in (found, exact)), strict=True):
        assert gradient.dtype == torch.float32
        assert (gradient - other).norm() < 4e-3 * other.norm()


def test_what_the_kernels_have_not_is_refused_rather_than_wrong():
    arguments = [x.to(DEVICE).requires_grad_() for x in example(GRUGates, 2)]
    with FORMS.use("triton"):
        y, _ = dense_recurrence(GRUGates(), *arguments)
    with pytest.raises(RuntimeError, match="first derivatives alone"):
        torch.autograd.grad(y.sum(), arguments[1], create_graph=True)


def test_every_kind_of_gates_has_kernels():
    modules = [importlib.import_module(f"{package.__name__}.{m.name}") for m in pkgutil.iter_modules(package.__path__)]
    found = {value for module in modules for value in vars(module).values() if hasattr(value, "retreat")}
    assert found == set(GATES)


@pytest.mark.parametrize("kernel", [forward_kernel, backward_kernel])
def test_another_number_of_rows_or_steps_compiles_nothing(kernel):
    compiled_in = {name for name, p in inspect.signature(kernel.fn).parameters.items() if p.annotation is not p.empty}
    assert not compiled_in & {"time", "rows", "width"}
