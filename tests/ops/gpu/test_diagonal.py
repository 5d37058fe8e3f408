"""Diagonal models by their kernels; where there is no GPU, Triton's interpreter runs them, so on small tiles."""

import pytest
import torch
from torch import Tensor

from statewise.contract.segments import Segments
from statewise.ops.diagonal_convolution import FORMS, diagonal_convolution
from statewise.ops.gpu import diagonal

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
ROWS, CHANNELS, STATES = 2, 3, 5


@pytest.fixture(autouse=True)
def _small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagonal, "STEPS", 4)
    monkeypatch.setattr(diagonal, "NUMBERS", 16)


def example(time: int) -> list[Tensor]:
    """u, log a, b, c and a warm state, none of which lies as a kernel reads it."""
    g = torch.Generator().manual_seed(time)

    def normal(*shape: int, dtype: torch.dtype = torch.complex128) -> Tensor:
        return torch.randn(*shape[::-1], generator=g, dtype=dtype).permute(*reversed(range(len(shape))))

    model = (CHANNELS, STATES)
    log_a = torch.complex(-normal(*model, dtype=torch.float64).abs(), normal(*model, dtype=torch.float64))
    u = normal(ROWS, time, CHANNELS, dtype=torch.float64)
    return [u, log_a, normal(*model), normal(*model).conj(), normal(ROWS, *model)]


def in_precision(x: Tensor, dtype: torch.dtype) -> Tensor:
    return x.to(dtype.to_complex() if x.is_complex() else dtype)


def results(
    form: str, arguments: list[Tensor], reset: Tensor | None = None, dtype: torch.dtype = torch.float64
) -> list[Tensor]:
    """Outputs, the last state, and the gradients of all arguments under random cotangents of both."""
    device = "cpu" if form == "reference" else DEVICE
    leaves = [in_precision(x, dtype).to(device).requires_grad_() for x in arguments]
    segments = None if reset is None else Segments(reset.to(device))
    with FORMS.use(form):
        outputs = diagonal_convolution(*leaves, segments)
    g = torch.Generator().manual_seed(1)
    cotangents = [torch.randn(y.shape, generator=g, dtype=in_precision(y, torch.float64).dtype).to(y) for y in outputs]
    return [x.detach().cpu() for x in (*outputs, *torch.autograd.grad(outputs, leaves, cotangents))]


@pytest.mark.usefixtures("_poisoned")
@pytest.mark.parametrize("time", [1, 4, 9])
def test_the_kernels_equal_the_equation_with_all_gradients(time):
    for found, expected in zip(*(results(form, example(time)) for form in ("triton", "reference")), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.usefixtures("_poisoned")
def test_so_they_do_with_resets_which_need_not_lie_where_tiles_begin():
    reset = torch.zeros(ROWS, 9, dtype=torch.bool)
    reset[0, [0, 3, 4, 5]] = reset[1, [6, 8]] = True
    for found, expected in zip(*(results(form, example(9), reset) for form in ("triton", "reference")), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


def test_in_single_precision_they_stay_near():
    found, exact = results("triton", example(9), dtype=torch.float32), results("reference", example(9))
    for one, other in zip(found, exact, strict=True):
        assert one.dtype == in_precision(other, torch.float32).dtype
        assert (one - other).norm() <= 1e-6 * other.norm()


def test_what_is_not_a_number_before_a_reset_does_not_pass_it():
    reset = torch.zeros(ROWS, 6, dtype=torch.bool)
    reset[:, 3] = True
    u, *model = (x.to(DEVICE) for x in example(6))
    with FORMS.use("triton"):
        expected, end = diagonal_convolution(u, *model, Segments(reset.to(DEVICE)))
        u[:, 1] = float("nan")
        s, last = diagonal_convolution(u.requires_grad_(), *model, Segments(reset.to(DEVICE)))
    assert bool(s[:, 1:3].isnan().all())
    torch.testing.assert_close((s[:, 3:], last), (expected[:, 3:], end), rtol=0, atol=0)
    (gradient,) = torch.autograd.grad(s[:, 3:].sum(), u)
    assert bool(gradient[:, 3:].isfinite().all())


def test_nor_does_it_reach_the_past_other_rows_or_other_channels():
    arguments = [x.to(DEVICE) for x in example(9)]
    with FORMS.use("triton"):
        expected, end = diagonal_convolution(*arguments)
        arguments[0][1, 5, 2] = float("nan")
        s, last = diagonal_convolution(*arguments)
    assert bool(s[1, 5:, 2].isnan().all())
    s[1, 5:, 2], last[1, 2] = expected[1, 5:, 2], end[1, 2]
    torch.testing.assert_close((s, last), (expected, end), rtol=0, atol=0)
