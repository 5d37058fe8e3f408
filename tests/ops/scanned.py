"""Linear recurrences that tests try, and the forms that they try them in."""

from contextlib import nullcontext

import pytest
import torch

from statewise.contract.segments import Segments
from statewise.ops.linear_recurrence import FORMS

ROWS, WIDTH = 3, 4
DTYPES = [torch.float64, torch.complex128]
SHAPES_OF_A = {
    "every step its own": lambda time, width: (ROWS, time, width),
    "constant in time": lambda time, width: (width,),
    "constant in time, one a row": lambda time, width: (ROWS, 1, width),
    "one number": lambda time, width: (),
}


@pytest.fixture(params=["by the rule", "in_place"], autouse=True)
def form(request):
    """Every test of both fast forms; the rule takes the compiled one but where a transform is at work."""
    with nullcontext() if request.param == "by the rule" else FORMS.use(request.param):
        yield


def example(
    time: int, dtype: torch.dtype, shape_of_a: str = "every step its own", width: int = WIDTH
) -> list[torch.Tensor]:
    """Coefficients of modulus about 1, so that long sequences neither vanish nor explode."""
    g = torch.Generator().manual_seed(time)
    a = torch.randn(SHAPES_OF_A[shape_of_a](time, width), generator=g, dtype=dtype)
    b = torch.randn(ROWS, time, width, generator=g, dtype=dtype)
    return [0.98 * a / a.abs().clamp(min=1.0), b, torch.randn(ROWS, width, generator=g, dtype=dtype)]


def gradients(recurrence, arguments: list[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    leaves = [x.detach().requires_grad_() for x in arguments]
    h = recurrence(*leaves)
    cotangent = torch.randn(h.shape, generator=torch.Generator().manual_seed(5), dtype=h.dtype).to(h.device)
    return torch.autograd.grad(h, leaves, cotangent)


def cut_into_segments(time: int, dtype: torch.dtype, shape_of_a: str) -> tuple[list[torch.Tensor], Segments]:
    """A row of one segment, one of two, and one of which every step but the first begins another."""
    arguments = example(time, dtype, shape_of_a)
    reset = torch.zeros(ROWS, time, dtype=torch.bool)
    reset[1, time // 2] = reset[2, 1:] = True
    return arguments, Segments(reset)
