"""State-space models by their kernels; where there is no GPU, Triton's interpreter runs them, so on small tiles."""

import pytest
import torch
from torch import Tensor

from statewise.contract.segments import Segments
from statewise.ops import diagonal_convolution, state_space_convolution
from statewise.ops.gpu import diagonal

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
ROWS, CHANNELS, STATES = 2, 3, 3
OPERATIONS = {
    "diagonal": (diagonal_convolution.FORMS, diagonal_convolution.diagonal_convolution, 3),
    "low rank": (state_space_convolution.FORMS, state_space_convolution.state_space_convolution, 5),
}
"""Forms, operation, and how many vectors a model is made of, of which the first decays"""
operations = pytest.mark.parametrize("name", OPERATIONS)


@pytest.fixture(autouse=True)
def _small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """And blocks of two channels."""
    monkeypatch.setattr(diagonal, "STEPS", 3)
    monkeypatch.setattr(diagonal, "NUMBERS", 8)


def example(name: str, time: int) -> list[Tensor]:
    """u, a model and a warm state, none of which lies as a kernel reads it."""
    g = torch.Generator().manual_seed(time)

    def normal(*shape: int, dtype: torch.dtype = torch.complex128) -> Tensor:
        return torch.randn(*shape[::-1], generator=g, dtype=dtype).permute(*reversed(range(len(shape)))) / 2

    decay, *others = (normal(CHANNELS, STATES) for _ in range(OPERATIONS[name][2]))
    decay = torch.complex(-decay.real.abs(), decay.imag)
    return [
        normal(ROWS, time, CHANNELS, dtype=torch.float64),
        decay,
        *others[:-1],
        others[-1].conj(),
        normal(ROWS, CHANNELS, STATES),
    ]


def in_precision(x: Tensor, dtype: torch.dtype) -> Tensor:
    return x.to(dtype.to_complex() if x.is_complex() else dtype)


def results(
    name: str, form: str, time: int, reset: Tensor | None = None, dtype: torch.dtype = torch.float64
) -> list[Tensor]:
    """Outputs, the last state, and the gradients of all arguments under random cotangents of both."""
    forms, operation, _ = OPERATIONS[name]
    device = "cpu" if form == "reference" else DEVICE
    leaves = [in_precision(x, dtype).to(device).requires_grad_() for x in example(name, time)]
    segments = None if reset is None else Segments(reset.to(device))
    with forms.use(form):
        outputs = operation(*leaves, segments)
    g = torch.Generator().manual_seed(1)
    cotangents = [torch.randn(y.shape, generator=g, dtype=in_precision(y, torch.float64).dtype).to(y) for y in outputs]
    return [x.detach().cpu() for x in (*outputs, *torch.autograd.grad(outputs, leaves, cotangents))]


@operations
@pytest.mark.usefixtures("_poisoned")
@pytest.mark.parametrize("time", [1, 7])
def test_the_kernels_equal_the_equation_with_all_gradients(name, time):
    for found, expected in zip(*(results(name, form, time) for form in ("triton", "reference")), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


@operations
@pytest.mark.usefixtures("_poisoned")
def test_so_they_do_with_resets_which_need_not_lie_where_tiles_begin(name):
    reset = torch.zeros(ROWS, 7, dtype=torch.bool)
    reset[0, [0, 2, 3, 4]] = reset[1, [5, 6]] = True
    for found, expected in zip(*(results(name, form, 7, reset) for form in ("triton", "reference")), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


def test_in_single_precision_they_stay_near():
    found = results("low rank", "triton", 7, dtype=torch.float32)
    exact = results("low rank", "reference", 7)
    for one, other in zip(found, exact, strict=True):
        assert one.dtype == in_precision(other, torch.float32).dtype
        assert (one - other).norm() <= 1e-6 * other.norm()


@operations
def test_what_is_not_a_number_reaches_neither_what_follows_a_reset_nor_the_past_nor_others(name):
    forms, operation, _ = OPERATIONS[name]
    segments = Segments(torch.tensor([[False] * 3 + [True] + [False] * 2] * ROWS, device=DEVICE))
    u, *rest = (x.to(DEVICE) for x in example(name, 6))
    broken = u.clone()
    broken[1, 1, 2] = float("nan")
    with forms.use("triton"):
        expected, end = operation(u, *rest, segments)
        s, last = operation(broken.requires_grad_(), *rest, segments)
    assert bool(s[1, 1:3, 2].isnan().all())
    kept = torch.ones(s.shape, dtype=torch.bool)
    kept[1, 1:3, 2] = False
    torch.testing.assert_close((s[kept], last), (expected[kept], end), rtol=0, atol=0)
    (gradient,) = torch.autograd.grad(s[kept].sum(), broken)
    assert bool(gradient.isfinite().all())


@operations
def test_on_a_gpu_they_run_where_all_is_of_one_precision(name, monkeypatch):
    module = {"diagonal": diagonal_convolution, "low rank": state_space_convolution}[name]
    monkeypatch.setattr(module, "kernels_serve", lambda *tensors: True)
    u, *rest = example(name, 2)
    assert module.rule(u, *rest) == "triton"
    assert module.rule(u.float(), *rest) == "in_blocks"
