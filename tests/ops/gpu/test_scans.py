"""Scans and elementwise recurrences by their kernels: with resets, strides, and memory that holds NaN until written."""

import pytest
import torch
from torch import Tensor

from statewise.contract.segments import Segments
from statewise.ops import elementwise_recurrence as elementwise
from statewise.ops import linear_recurrence as linear
from statewise.ops.gpu import gated_scan, scan

from ..celled import CELLS, PASSED

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
ROWS, SIZE = 2, 5


@pytest.fixture(autouse=True)
def _small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Triton's interpreter scans, it scans number by number."""
    for module in (scan, gated_scan):
        monkeypatch.setattr(module, "STEPS", 4)
        monkeypatch.setattr(module, "NUMBERS", 4)


def draw(*shape: int, dtype: torch.dtype = torch.float64, seed: int = 0) -> Tensor:
    """Numbers that lie backwards in memory."""
    g = torch.Generator().manual_seed(seed + len(shape))
    return torch.randn(shape[::-1], generator=g, dtype=dtype).permute(*reversed(range(len(shape)))) / 2


def segments_of(time: int, reset: bool, device: str) -> Segments | None:
    marks = torch.zeros(ROWS, time, dtype=torch.bool, device=device)
    marks[0, time // 2] = marks[1, 0] = True
    return Segments(marks) if reset else None


def gradients(outputs: tuple[Tensor, ...], leaves: list[Tensor]) -> list[Tensor]:
    cotangents = [draw(*y.shape, dtype=y.dtype, seed=9).to(y.device) for y in outputs]
    return [x.cpu() for x in (*outputs, *torch.autograd.grad(outputs, leaves, cotangents))]


def leaves_on(device: str, *tensors: Tensor) -> list[Tensor]:
    return [x.to(device).requires_grad_() for x in tensors]


@pytest.mark.usefixtures("_poisoned")
@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("time", [1, 7])
@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
def test_the_scan_equals_the_equation(time, reset, dtype):
    found = []
    for form, device in (("triton", DEVICE), ("reference", "cpu")):
        segments = segments_of(time, reset, device)
        leaves = leaves_on(device, *(draw(*s, SIZE, dtype=dtype) for s in ((ROWS, time), (ROWS, time), (ROWS,))))
        with linear.FORMS.use(form):
            found.append(gradients((linear.linear_recurrence(*leaves, segments),), leaves))
    for one, expected in zip(*found, strict=True):
        torch.testing.assert_close(one, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.usefixtures("_poisoned")
@pytest.mark.parametrize(("time", "reset"), [(1, False), (9, True)])
@pytest.mark.parametrize("name", CELLS)
def test_recurrences_of_single_numbers_equal_the_equation(name, time, reset):
    cell, vectors, weights = CELLS[name]
    found = []
    for form, device in (("triton", DEVICE), ("reference", "cpu")):
        segments = segments_of(time, reset, device)
        given = [draw(ROWS, time, vectors, SIZE), draw(ROWS, SIZE)]
        given += [-draw(weights, SIZE).abs()] * bool(weights) + [draw(ROWS, time, SIZE)] * (name in PASSED)
        leaves = leaves_on(device, *given)
        options = dict(zip(("weight", "skip"), leaves[2:], strict=False))
        with elementwise.FORMS.use(form):
            found.append(gradients(elementwise.elementwise_recurrence(cell, *leaves[:2], segments, **options), leaves))
    for one, expected in zip(*found, strict=True):
        torch.testing.assert_close(one, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.usefixtures("_poisoned")
@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("rows", [1, ROWS])
@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
def test_a_constant_coefficient_is_read_once_and_its_gradient_added_up(rows, reset, dtype):
    found = []
    for form, device in (("triton", DEVICE), ("reference", "cpu")):
        shapes = (rows, 1), (ROWS, 6), (ROWS,)
        leaves = leaves_on(device, *(draw(*s, SIZE, dtype=dtype) for s in shapes))
        with linear.FORMS.use(form):
            states = linear.linear_recurrence(*leaves, segments_of(6, reset, device))
        assert scan.options(leaves[0], states)["FIXED"]
        found.append(gradients((states,), leaves))
    for one, expected in zip(*found, strict=True):
        torch.testing.assert_close(one, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
def test_the_scan_lets_nothing_that_is_not_a_number_pass_a_reset(dtype):
    a, b, initial = (draw(*shape, SIZE, dtype=dtype).to(DEVICE) for shape in ((1, 6), (1, 6), (1,)))
    segments = Segments(torch.tensor([[False] * 4 + [True, False]], device=DEVICE))
    with linear.FORMS.use("triton"):
        expected = linear.linear_recurrence(a, b, initial, segments)
        a[:, 3] = b[:, 1] = float("nan")
        leaves = [x.requires_grad_() for x in (a, b)]
        found = linear.linear_recurrence(*leaves, initial, segments)
    assert bool(found[:, 1:4].isnan().all())
    torch.testing.assert_close(found[:, 4:], expected[:, 4:], rtol=0, atol=0)
    for gradient in torch.autograd.grad(found[:, 4:].abs().sum(), leaves):
        assert bool(gradient[:, 4:].isfinite().all())


@pytest.mark.parametrize("name", ["min-gru", "sru"])
def test_nor_do_recurrences_of_single_numbers(name):
    cell, vectors, weights = CELLS[name]
    x, initial = draw(1, 6, vectors, SIZE).to(DEVICE), draw(1, SIZE).to(DEVICE)
    more = {"weight": draw(weights, SIZE).to(DEVICE), "skip": draw(1, 6, SIZE).to(DEVICE)} if name in PASSED else {}
    segments = Segments(torch.tensor([[False] * 4 + [True, False]], device=DEVICE))
    with elementwise.FORMS.use("triton"):
        expected, last = elementwise.elementwise_recurrence(cell, x, initial, segments, **more)
        x[:, 1] = float("nan")
        y, after = elementwise.elementwise_recurrence(cell, x.requires_grad_(), initial, segments, **more)
    assert bool(y[:, 1:4].isnan().all())
    torch.testing.assert_close((y[:, 4:], after), (expected[:, 4:], last), rtol=0, atol=0)
    (gradient,) = torch.autograd.grad(y[:, 4:].sum(), x)
    assert bool(gradient[:, 4:].isfinite().all())
