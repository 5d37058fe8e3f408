"""Mamba's scan by its kernels; where there is no GPU, Triton's interpreter runs them, slowly, and so on small tiles."""

import pytest
import torch
from torch import Tensor

from statewise.contract.segments import Segments
from statewise.ops.gpu import selective
from statewise.ops.selective_scan import FORMS, rule, selective_scan

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
ROWS, CHANNELS, STATES = 2, 3, 5


@pytest.fixture(autouse=True)
def _small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selective, "STEPS", 4)
    monkeypatch.setattr(selective, "NUMBERS", 16)


def example(time: int) -> list[Tensor]:
    """u, dt, a, b, c and a warm state, none of which lies as a kernel reads it."""
    g = torch.Generator().manual_seed(time)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape[::-1], generator=g, dtype=torch.float64).permute(*reversed(range(len(shape))))

    u, dt = normal(ROWS, time, CHANNELS), normal(ROWS, time, CHANNELS).abs()
    b, c = normal(ROWS, time, STATES), normal(ROWS, time, STATES)
    return [u, dt, -normal(CHANNELS, STATES).abs(), b, c, normal(ROWS, CHANNELS, STATES)]


def results(form: str, arguments: list[Tensor], reset: Tensor | None, dtype: torch.dtype) -> list[Tensor]:
    """Outputs, the last state, and the gradients of all arguments under random cotangents of both."""
    device = "cpu" if form == "reference" else DEVICE
    leaves = [x.to(device, dtype).requires_grad_() for x in arguments]
    segments = None if reset is None else Segments(reset.to(device))
    with FORMS.use(form):
        outputs = selective_scan(*leaves, segments)
    g = torch.Generator().manual_seed(1)
    cotangents = [torch.randn(y.shape, generator=g, dtype=torch.float64).to(y) for y in outputs]
    return [x.detach().cpu() for x in (*outputs, *torch.autograd.grad(outputs, leaves, cotangents))]


@pytest.mark.usefixtures("_poisoned")
@pytest.mark.parametrize("time", [1, 9])
def test_the_kernels_equal_the_equation_with_all_gradients(time):
    found, expected = (results(form, example(time), None, torch.float64) for form in ("triton", "reference"))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


@pytest.mark.usefixtures("_poisoned")
def test_so_they_do_with_resets_which_need_not_lie_where_tiles_begin():
    reset = torch.zeros(ROWS, 9, dtype=torch.bool)
    reset[0, [3, 4]] = reset[1, 6] = True
    found, expected = (results(form, example(9), reset, torch.float64) for form in ("triton", "reference"))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


def test_in_single_precision_they_stay_near():
    found, exact = (
        results("triton", example(9), None, torch.float32),
        results("reference", example(9), None, torch.float64),
    )
    for one, other in zip(found, exact, strict=True):
        assert one.dtype == torch.float32
        assert (one - other).norm() <= 1e-6 * other.norm()


def test_what_is_not_a_number_before_a_reset_does_not_pass_it():
    reset = torch.zeros(ROWS, 6, dtype=torch.bool)
    reset[:, 3] = True
    arguments = [x.to(DEVICE) for x in example(6)]
    with FORMS.use("triton"):
        expected = selective_scan(*arguments, Segments(reset.to(DEVICE)))
        for x in (*arguments[:2], *arguments[3:5]):
            x[:, 1] = float("nan")
        leaves = [x.requires_grad_() for x in arguments]
        y, last = selective_scan(*leaves, Segments(reset.to(DEVICE)))
    assert bool(y[:, 1:3].isnan().all())
    torch.testing.assert_close((y[:, 3:], last), (expected[0][:, 3:], expected[1]), rtol=0, atol=0)
    for gradient in torch.autograd.grad(y[:, 3:].sum(), [leaves[i] for i in (0, 1, 3, 4)]):
        assert bool(gradient[:, 3:].isfinite().all())


def test_numbers_of_several_kinds_are_left_to_torch():
    arguments = example(2)
    assert rule(arguments[0].float(), *arguments[1:]) == "in_pieces"
