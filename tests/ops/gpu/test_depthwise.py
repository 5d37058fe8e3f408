"""Convolutions of single channels by their kernels; where there is no GPU, Triton's interpreter runs them."""

import pytest
import torch
from torch import Tensor

from statewise.contract.segments import Segments
from statewise.ops import causal_convolution as operation
from statewise.ops.causal_convolution import FORMS, causal_convolution
from statewise.ops.gpu import depthwise

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
ROWS, CHANNELS = 2, 5


@pytest.fixture(autouse=True)
def _small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(depthwise, "STEPS", 4)
    monkeypatch.setattr(depthwise, "NUMBERS", 4)


def example(time: int, taps: int, dilation: int) -> list[Tensor]:
    """x, tail, weight and bias, none of which lies as a kernel reads it."""
    g = torch.Generator().manual_seed(time)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape[::-1], generator=g, dtype=torch.float64).permute(*reversed(range(len(shape))))

    tail = normal(ROWS, (taps - 1) * dilation, CHANNELS)
    return [normal(ROWS, time, CHANNELS), tail, normal(CHANNELS, 1, taps), normal(2 * CHANNELS)[::2]]


def results(form: str, arguments: list[Tensor], dilation: int, reset: Tensor | None = None) -> list[Tensor]:
    """Outputs, the tail after them, and the gradients of all arguments under random cotangents of both."""
    device = "cpu" if form == "reference" else DEVICE
    leaves = [x.to(device).requires_grad_() for x in arguments]
    segments = None if reset is None else Segments(reset.to(device))
    with FORMS.use(form):
        outputs = causal_convolution(*leaves, segments, dilation=dilation, groups=CHANNELS)
    g = torch.Generator().manual_seed(1)
    cotangents = [torch.randn(y.shape, generator=g, dtype=torch.float64).to(y) for y in outputs]
    return [x.detach().cpu() for x in (*outputs, *torch.autograd.grad(outputs, leaves, cotangents))]


@pytest.mark.usefixtures("_poisoned")
@pytest.mark.parametrize(("time", "taps", "dilation"), [(1, 1, 1), (1, 3, 2), (7, 2, 3), (9, 4, 1)])
def test_the_kernels_equal_the_equation_with_all_gradients(time, taps, dilation):
    arguments = example(time, taps, dilation)
    for found, known in zip(*(results(form, arguments, dilation) for form in ("triton", "reference")), strict=True):
        torch.testing.assert_close(found, known, rtol=1e-12, atol=1e-12)


@pytest.mark.usefixtures("_poisoned")
@pytest.mark.parametrize("dilation", [1, 2])
def test_so_they_do_with_resets(dilation):
    reset = torch.zeros(ROWS, 9, dtype=torch.bool)
    reset[0, [0, 3, 4]] = reset[1, [6, 8]] = True
    arguments = example(9, 3, dilation)
    both = (results(form, arguments, dilation, reset) for form in ("triton", "reference"))
    for found, known in zip(*both, strict=True):
        torch.testing.assert_close(found, known, rtol=1e-12, atol=1e-12)


def test_what_is_not_a_number_ends_at_a_reset_with_the_taps_that_saw_it_and_at_its_channel():
    segments = Segments(torch.tensor([[False] * 3 + [True] + [False] * 4] * ROWS, device=DEVICE))
    x, *rest = (t.to(DEVICE) for t in example(8, 3, 1))
    broken = x.clone()
    broken[:, [2, 4], 1] = float("nan")
    with FORMS.use("triton"):
        known, _ = causal_convolution(x, *rest, segments, groups=CHANNELS)
        found, _ = causal_convolution(broken, *rest, segments, groups=CHANNELS)
    assert found[:, [2, 4, 5, 6], 1].isnan().all()
    found[:, [2, 4, 5, 6], 1] = known[:, [2, 4, 5, 6], 1]
    torch.testing.assert_close(found, known, rtol=0, atol=0)


def test_in_half_precision_numbers_are_added_up_in_single():
    """Triton's interpreter cuts bfloat16 off where a GPU rounds."""
    exact = example(9, 4, 1)
    rounded = [t.bfloat16().double() for t in exact]
    low = [t.bfloat16().to(DEVICE).requires_grad_() for t in rounded]
    with FORMS.use("triton"):
        y, _ = causal_convolution(*low, groups=CHANNELS)
    with FORMS.use("reference"):
        known, _ = causal_convolution(*(t.requires_grad_() for t in rounded), groups=CHANNELS)
    gradients = zip(torch.autograd.grad(y.sum(), low[::2]), torch.autograd.grad(known.sum(), rounded[::2]), strict=True)
    for one, other in ((y, known), *gradients):
        assert one.dtype == torch.bfloat16
        torch.testing.assert_close(one.cpu().double(), other, rtol=2**-7, atol=2**-7)


def test_on_a_gpu_they_run_for_few_taps_of_single_channels_in_one_dtype(monkeypatch):
    monkeypatch.setattr(operation, "compiled_loops_serve", lambda *tensors: False)
    monkeypatch.setattr(operation, "kernels_serve", lambda *tensors: True)
    x, short, long = torch.zeros(1, 40, 2), torch.zeros(2, 1, 4), torch.zeros(2, 1, operation.WRITTEN_OUT + 1)
    assert operation.rule(x, short, None, 1, 2) == "triton"
    assert operation.rule(x, long, None, 1, 2) == "conv1d"
    assert operation.rule(x, short.double(), None, 1, 2) == "conv1d"
    assert operation.rule(x, torch.zeros(2, 2, 4), None, 1, 1) == "conv1d"
