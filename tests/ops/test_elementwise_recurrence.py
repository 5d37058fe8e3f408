from contextlib import nullcontext

import pytest
import torch

from statewise.contract.segments import Segments
from statewise.ops.cells.min_lstm import MinLSTMCell
from statewise.ops.compiled.compiler import without_compiled_loops
from statewise.ops.elementwise_recurrence import FORMS, elementwise_recurrence

from .celled import CELLS, PASSED
from .segmented import one_by_one

ROWS, SIZE = 3, 5
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
cells = pytest.mark.parametrize("name", CELLS)
PAIRS = [(name, "compiled") for name in CELLS] + [
    (name, "scan" if cell.form().linear else "triton") for name, (cell, *_) in CELLS.items()
]
fast_forms = pytest.mark.parametrize(("name", "form"), PAIRS)


def example(name: str, time: int, dtype: torch.dtype = torch.float64, size: int = SIZE) -> list[torch.Tensor]:
    """x, the initial state, weights, what passes by."""
    _, vectors, weights = CELLS[name]
    g = torch.Generator().manual_seed(time)
    skip = size if name in PASSED else 0
    shapes = [(ROWS, time, vectors, size), (ROWS, size), (weights, size), (ROWS, time, skip)]
    drawn = [torch.randn(shape, generator=g, dtype=torch.float64).to(dtype) for shape in shapes]
    if name == "rg-lru":
        drawn[2] = -drawn[2].abs()
    return [x.requires_grad_() for x in drawn]


def run(name: str, x, initial, weight, skip) -> tuple[torch.Tensor, torch.Tensor]:
    return elementwise_recurrence(CELLS[name][0], x, initial, weight=weight, skip=skip)


def results(form: str | None, name: str, arguments: list[torch.Tensor]) -> list[torch.Tensor]:
    """Outputs, last state, and the gradients of all arguments under random cotangents of both."""
    moved = [t.to(DEVICE) if form == "triton" else t for t in arguments]
    with FORMS.use(form) if form else nullcontext():
        outputs = run(name, *moved)
    g = torch.Generator().manual_seed(1)
    differentiated = [y for y in outputs if y.requires_grad and y.numel()]
    cotangents = [torch.randn(y.shape, generator=g, dtype=torch.float64).to(y) for y in differentiated]
    found = torch.autograd.grad(differentiated, arguments, cotangents, materialize_grads=True)
    return [t.cpu() for t in (*outputs, *found)]


def demand_close(found, expected, tolerance: float = 1e-10) -> None:
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)


@fast_forms
@pytest.mark.parametrize("time", [0, 1, 2, 7, 33])
def test_every_form_equals_the_equation_with_all_gradients(name, form, time):
    """Where there is no GPU, Triton's interpreter runs its kernels."""
    arguments = example(name, time)
    demand_close(results(form, name, arguments), results("reference", name, arguments))


@pytest.mark.parametrize(("name", "form"), [pair for pair in PAIRS if "triton" not in pair])
def test_segments_equal_rows_of_their_own_with_all_gradients(name, form):
    x, initial, weight, skip = example(name, 9)
    reset = torch.zeros(ROWS, 9, dtype=torch.bool)
    reset[1, 4] = reset[2, 1] = reset[2, 2] = True
    segments = Segments(reset)
    with FORMS.use(form):
        y, last = elementwise_recurrence(CELLS[name][0], x, initial, segments, weight=weight, skip=skip)
    with FORMS.use("reference"):
        expected = one_by_one(lambda x, skip, c: run(name, x, c, weight, skip), [x, skip], initial, segments)
    demand_close((y, last), expected)
    cotangents, leaves = (torch.randn_like(y), torch.randn_like(last)), (x, initial, weight, skip)
    wanted = [leaf for leaf in leaves if leaf.numel()]
    demand_close(torch.autograd.grad((y, last), wanted, cotangents), torch.autograd.grad(expected, wanted, cotangents))


@cells
def test_in_single_precision_too(name):
    found = results("compiled", name, example(name, 64, torch.float32))
    for one, expected in zip(found, results("reference", name, example(name, 64)), strict=True):
        assert one.dtype == torch.float32
        if expected.numel():
            assert (one - expected).norm() / expected.norm() < 1e-5


@pytest.mark.parametrize("form", ["compiled", "triton"])
def test_a_decay_near_1_keeps_the_digits_of_what_it_writes(form):
    """1 - a^2, worked out from a in single precision, would have three."""
    x, initial, weight, skip = (t.detach() for t in example("rg-lru", 1))
    given = x, 0 * initial, 1e-4 * weight, skip
    with FORMS.use("reference"):
        exact, _ = run("rg-lru", *given)
    with FORMS.use(form):
        found, _ = run("rg-lru", *(t.float().to(DEVICE if form == "triton" else "cpu") for t in given))
    torch.testing.assert_close(found.cpu().double(), exact, rtol=2e-6, atol=0)


@cells
def test_the_reference_has_the_right_gradients(name):
    with FORMS.use("reference"):
        assert torch.autograd.gradcheck(lambda *t: run(name, *t), example(name, 4), fast_mode=True)


@fast_forms
def test_second_derivatives(name, form):
    arguments = [t.detach().to(DEVICE if form == "triton" else "cpu").requires_grad_() for t in example(name, 3)]
    with FORMS.use(form):
        assert torch.autograd.gradgradcheck(lambda *t: run(name, *t), arguments, fast_mode=True)


@fast_forms
def test_gradients_of_gradients_do_not_count_what_stands_before_twice(name, form):
    """Where the initial state is made of x, the gradient of x is the sum of both ways, each once."""

    def twice(chosen: str) -> torch.Tensor:
        x, _, weight, skip = (t.detach().to(DEVICE if form == "triton" else "cpu") for t in example(name, 3))
        x.requires_grad_()
        with FORMS.use(chosen):
            y, last = run(name, x, x[:, 0, 0] * 2, weight, skip)
            (first,) = torch.autograd.grad(y.square().sum() + last.sum(), x, create_graph=True)
            return torch.autograd.grad(first.square().sum(), x)[0]

    torch.testing.assert_close(twice(form), twice("reference"), rtol=1e-10, atol=1e-10)


@fast_forms
def test_strides_do_not_matter_and_nothing_beside_a_row_is_read(name, form):
    """The row beside holds NaN, and so does what lies between the numbers that are asked for."""
    device = DEVICE if form == "triton" else "cpu"
    plain = [t.detach().to(device) for t in example(name, 9, size=67)]
    strided = []
    for t in plain:
        holed = torch.full((*t.shape[::-1], 2), float("nan"), dtype=t.dtype, device=device)
        holed[..., 0] = t.permute(*range(t.dim())[::-1])
        strided.append(holed[..., 0].permute(*range(t.dim())[::-1]))
    strided[0][1, 4:] = float("nan")
    with FORMS.use(form):
        (expected, _), (found, last) = run(name, *plain), run(name, *strided)
    torch.testing.assert_close(found[[0, 2]], expected[[0, 2]], rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(found[1, :4], expected[1, :4], rtol=1e-12, atol=1e-12)
    assert last[1].isnan().all()
    assert not last[[0, 2]].isnan().any()


@cells
def test_gradients_with_respect_to_the_last_state_or_the_outputs_alone(name):
    def of(form: str, which: int) -> tuple[torch.Tensor, ...]:
        arguments = example(name, 5)
        with FORMS.use(form):
            return torch.autograd.grad(run(name, *arguments)[which].sum(), arguments, materialize_grads=True)

    for which in (0, 1):
        demand_close(of("compiled", which), of("reference", which))


def test_the_rule():
    def chosen(name: str, dtype: torch.dtype, device: str = "cpu") -> str:
        x, initial, weight, skip = (t.detach().to(device, dtype) for t in example(name, 2))
        return FORMS.rule(CELLS[name][0], x, skip, weight, initial)

    assert chosen("sru", torch.float32) == "compiled"
    assert chosen("sru", torch.float16) == "reference"
    assert chosen("min-gru", torch.float32) == "compiled"
    assert chosen("min-gru", torch.float16) == "scan"
    assert chosen("min-gru", torch.float32, "meta") == "scan"
    with without_compiled_loops():
        assert chosen("sru", torch.float32) == "reference"


@pytest.mark.parametrize("form", ["reference", "scan", "compiled"])
@pytest.mark.parametrize("x_f", [-800.0, -90.0, 0.0, 90.0, 800.0])
@pytest.mark.parametrize("x_i", [-800.0, -90.0, 0.0, 90.0, 800.0])
def test_gates_of_the_min_lstm_far_from_zero(form, x_f, x_i):
    """f' = sigmoid(x_f) / (sigmoid(x_f) + sigmoid(x_i)), which tends to sigmoid(x_f - x_i) where both are small."""
    x = torch.tensor([x_f, x_i, 0.0], dtype=torch.float64).view(1, 1, 3, 1).requires_grad_()
    with FORMS.use(form):
        keep, _ = elementwise_recurrence(MinLSTMCell(), x, torch.ones(1, 1, dtype=torch.float64))
    shares = x.detach().flatten()[:2].clamp(max=0)
    expected = (
        shares.softmax(0)[0]
        if min(x_f, x_i) < -1
        else torch.sigmoid(x[0, 0, :2].detach())[0, 0] / (torch.sigmoid(x[0, 0, :2].detach()).sum())
    )
    torch.testing.assert_close(keep.squeeze(), expected, rtol=1e-12, atol=1e-30)
    assert torch.autograd.grad(keep, x)[0].isfinite().all()
